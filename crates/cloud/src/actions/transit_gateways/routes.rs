//! Routes of transit gateways: those that somebody puts into a table, and the search for those and the propagated ones.

use ec2_shapes::{
    CreateTransitGatewayRouteRequest, CreateTransitGatewayRouteResult, DeleteTransitGatewayRouteRequest,
    DeleteTransitGatewayRouteResult, Filter, ReplaceTransitGatewayRouteRequest, ReplaceTransitGatewayRouteResult,
    SearchTransitGatewayRoutesRequest, SearchTransitGatewayRoutesResult, TransitGatewayAttachmentResourceType,
    TransitGatewayRoute, TransitGatewayRouteAttachment, TransitGatewayRouteState, TransitGatewayRouteType,
};
use types::{Cidr, TransitGatewayAttachmentId};

use super::{check_same_gateway, find_table, ready_attachment, ready_table};
use crate::actions::show::given;
use crate::context::Context;
use crate::error::ApiError;
use crate::query::{Filterable, Filters, PageLimits, page};
use crate::quotas::{self, Quota};
use crate::resource::{Tags, TransitGatewayAttachment, TransitGatewayRouteTable};
use crate::state::Tables;
use crate::transaction::Transaction;
use crate::transit::{self, TransitRoute};
use crate::view::View;

/// How many routes a search gives unless it asks for another number.
const DEFAULT_RESULTS: i32 = 1000;

fn read_block(text: &str) -> Result<Cidr, ApiError> {
    text.parse().map_err(|_| {
        let message =
            format!("Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.");
        ApiError::invalid_value(message)
    })
}

/// Where a request wants a route to lead: to an attachment of the table's gateway, or to nowhere.
fn read_target(
    tables: &Tables,
    table: &TransitGatewayRouteTable,
    attachment: &Option<String>,
    blackhole: Option<bool>,
) -> Result<Option<TransitGatewayAttachmentId>, ApiError> {
    match (given(attachment), blackhole == Some(true)) {
        (Some(_), true) => Err(ApiError::invalid_combination(
            "The parameter transitGatewayAttachmentId cannot be used with the parameter blackhole",
        )),
        (None, true) => Ok(None),
        (None, false) => Err(ApiError::missing("TransitGatewayAttachmentId or Blackhole")),
        (Some(text), false) => {
            let attachment = ready_attachment(tables, text)?;
            check_same_gateway(table, &attachment)?;
            Ok(Some(attachment.id))
        }
    }
}

pub(in crate::actions) fn create_transit_gateway_route(
    context: &Context,
    tx: &mut Transaction,
    request: CreateTransitGatewayRouteRequest,
) -> Result<CreateTransitGatewayRouteResult, ApiError> {
    let mut table = ready_table(tx, &request.transit_gateway_route_table_id)?;
    let block = read_block(&request.destination_cidr_block)?;
    let target = read_target(tx, &table, &request.transit_gateway_attachment_id, request.blackhole)?;
    if table.routes.contains_key(&block) {
        let message = format!("Route {block} already exists in Transit Gateway Route Table {}.", table.id);
        return Err(ApiError::new("RouteAlreadyExists", message));
    }
    let of_gateway = tx.transit_gateway_route_tables.values().filter(|it| it.gateway == table.gateway);
    quotas::check(context, Quota::RoutesPerTransitGateway, of_gateway.map(|it| it.routes.len()).sum())?;
    table.routes.insert(block, target);
    tx.put(table);
    Ok(CreateTransitGatewayRouteResult { route: Some(static_route(tx, block, target)) })
}

pub(in crate::actions) fn replace_transit_gateway_route(
    _: &Context,
    tx: &mut Transaction,
    request: ReplaceTransitGatewayRouteRequest,
) -> Result<ReplaceTransitGatewayRouteResult, ApiError> {
    let mut table = ready_table(tx, &request.transit_gateway_route_table_id)?;
    let block = read_block(&request.destination_cidr_block)?;
    let target = read_target(tx, &table, &request.transit_gateway_attachment_id, request.blackhole)?;
    match table.routes.get_mut(&block) {
        Some(stored) => *stored = target,
        None => return Err(no_route(&table, block)),
    }
    tx.put(table);
    Ok(ReplaceTransitGatewayRouteResult { route: Some(static_route(tx, block, target)) })
}

pub(in crate::actions) fn delete_transit_gateway_route(
    _: &Context,
    tx: &mut Transaction,
    request: DeleteTransitGatewayRouteRequest,
) -> Result<DeleteTransitGatewayRouteResult, ApiError> {
    let mut table = ready_table(tx, &request.transit_gateway_route_table_id)?;
    let block = read_block(&request.destination_cidr_block)?;
    let Some(target) = table.routes.remove(&block) else { return Err(no_route(&table, block)) };
    tx.put(table);
    let route =
        TransitGatewayRoute { state: Some(TransitGatewayRouteState::Deleted), ..static_route(tx, block, target) };
    Ok(DeleteTransitGatewayRouteResult { route: Some(route) })
}

/// Propagated routes are not for requests to change: for those they are not there.
fn no_route(table: &TransitGatewayRouteTable, block: Cidr) -> ApiError {
    let message = format!("Route {block} does not exist in Transit Gateway Route Table {}.", table.id);
    ApiError::new("InvalidRoute.NotFound", message)
}

fn static_route(
    tables: &Tables,
    destination: Cidr,
    attachment: Option<TransitGatewayAttachmentId>,
) -> TransitGatewayRoute {
    Row { tables, route: TransitRoute { destination, attachment, is_static: true } }.shape()
}

pub(in crate::actions) fn search_transit_gateway_routes(
    _: &Context,
    view: &View<'_>,
    request: SearchTransitGatewayRoutesRequest,
) -> Result<SearchTransitGatewayRoutesResult, ApiError> {
    let tables = view.tables();
    let table = find_table(tables, &request.transit_gateway_route_table_id)?;
    if request.filters.is_empty() {
        return Err(ApiError::missing("Filters"));
    }
    let all = transit::routes(tables, &table);
    let (searches, filters): (Vec<Filter>, Vec<Filter>) =
        request.filters.into_iter().partition(|filter| filter.name.as_deref().is_some_and(is_search));
    let searches = searches.iter().map(|filter| Search::new(filter, &all)).collect::<Result<Vec<_>, _>>()?;
    let filters = Filters::new::<Row<'_>>(&filters)?;
    let found = all
        .iter()
        .map(|route| Row { tables, route: *route })
        .filter(|row| filters.matches(row) && searches.iter().all(|search| search.matches(row.route.destination)));
    // Pages go by these texts.
    let mut found: Vec<(String, Row<'_>)> = found.map(|row| (row.route.destination.to_string(), row)).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let max_results = request.max_results.or(Some(DEFAULT_RESULTS));
    let token = request.next_token.as_deref();
    let key = |(key, _): &(String, Row<'_>)| key.clone();
    let (rows, next_token) = page(found.into_iter(), key, PageLimits::USUAL, max_results, token, None)?;
    Ok(SearchTransitGatewayRoutesResult {
        additional_routes_available: Some(next_token.is_some()),
        next_token,
        routes: rows.iter().map(|(_, row)| row.shape()).collect(),
    })
}

const EXACT: &str = "route-search.exact-match";
const LONGEST: &str = "route-search.longest-prefix-match";
const SUBNET_OF: &str = "route-search.subnet-of-match";
const SUPERNET_OF: &str = "route-search.supernet-of-match";

fn is_search(name: &str) -> bool {
    [EXACT, LONGEST, SUBNET_OF, SUPERNET_OF].contains(&name)
}

/// A filter that compares blocks instead of texts.
enum Search {
    Exact(Vec<Cidr>),
    SubnetOf(Vec<Cidr>),
    SupernetOf(Vec<Cidr>),
}

impl Search {
    fn new(filter: &Filter, all: &[TransitRoute]) -> Result<Self, ApiError> {
        let name = filter.name.as_deref().unwrap_or_default();
        let read = |text: &String| {
            // An address stands for itself alone.
            let block = text.parse().ok().or_else(|| format!("{text}/32").parse().ok());
            block.or_else(|| format!("{text}/128").parse().ok()).ok_or_else(|| {
                ApiError::invalid_value(format!("Value ({text}) of the filter {name} is not a valid CIDR block."))
            })
        };
        if filter.values.is_empty() {
            return Err(ApiError::invalid_value(format!("The filter '{name}' must have at least one value")));
        }
        let blocks = filter.values.iter().map(read).collect::<Result<Vec<Cidr>, _>>()?;
        Ok(match name {
            SUBNET_OF => Self::SubnetOf(blocks),
            SUPERNET_OF => Self::SupernetOf(blocks),
            LONGEST => Self::Exact(blocks.iter().filter_map(|block| longest(all, *block)).collect()),
            _ => Self::Exact(blocks),
        })
    }

    fn matches(&self, destination: Cidr) -> bool {
        match self {
            Self::Exact(blocks) => blocks.contains(&destination),
            Self::SubnetOf(blocks) => blocks.iter().any(|block| block.contains_cidr(destination)),
            Self::SupernetOf(blocks) => blocks.iter().any(|block| destination.contains_cidr(*block)),
        }
    }
}

/// The narrowest destination that holds a block.
fn longest(all: &[TransitRoute], block: Cidr) -> Option<Cidr> {
    let holding = all.iter().map(|route| route.destination).filter(|destination| destination.contains_cidr(block));
    holding.reduce(|best, next| if best.contains_cidr(next) { next } else { best })
}

/// A route as filters see it and answers show it.
struct Row<'a> {
    tables: &'a Tables,
    route: TransitRoute,
}

impl Row<'_> {
    fn attachment(&self) -> Option<&TransitGatewayAttachment> {
        self.tables.transit_gateway_attachments.get(&self.route.attachment?).map(std::sync::Arc::as_ref)
    }

    fn state(&self) -> TransitGatewayRouteState {
        match self.route.is_active(self.tables) {
            true => TransitGatewayRouteState::Active,
            false => TransitGatewayRouteState::Blackhole,
        }
    }

    fn kind(&self) -> TransitGatewayRouteType {
        match self.route.is_static {
            true => TransitGatewayRouteType::Static,
            false => TransitGatewayRouteType::Propagated,
        }
    }

    fn shape(&self) -> TransitGatewayRoute {
        let attachments = self.route.attachment.map(|id| TransitGatewayRouteAttachment {
            resource_id: self.attachment().map(|attachment| attachment.vpc.to_string()),
            resource_type: Some(TransitGatewayAttachmentResourceType::Vpc),
            transit_gateway_attachment_id: Some(id.to_string()),
        });
        TransitGatewayRoute {
            destination_cidr_block: Some(self.route.destination.to_string()),
            state: Some(self.state()),
            transit_gateway_attachments: attachments.into_iter().collect(),
            r#type: Some(self.kind()),
            ..TransitGatewayRoute::default()
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &[
        "attachment.resource-id",
        "attachment.resource-type",
        "attachment.transit-gateway-attachment-id",
        "prefix-list-id",
        "state",
        "type",
    ];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        match name {
            "attachment.resource-id" => self.attachment().iter().for_each(|it| found(&it.vpc.to_string())),
            "attachment.resource-type" => {
                self.route.attachment.iter().for_each(|_| found(TransitGatewayAttachmentResourceType::Vpc.as_str()));
            }
            "attachment.transit-gateway-attachment-id" => {
                self.route.attachment.iter().for_each(|id| found(&id.to_string()));
            }
            "state" => found(self.state().as_str()),
            "type" => found(self.kind().as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }
}
