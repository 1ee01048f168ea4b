//! Customer gateways: what is known of the devices at the other end of VPN connections.

use std::net::IpAddr;

use ec2_shapes::{
    CreateCustomerGatewayRequest, CreateCustomerGatewayResult, DeleteCustomerGatewayRequest,
    DescribeCustomerGatewaysRequest, DescribeCustomerGatewaysResult, GatewayType,
};
use types::CustomerGatewayId;

use crate::context::Context;
use crate::error::ApiError;
use crate::kind::Resource;
use crate::query::{Filterable, Listing, get, list};
use crate::quotas::{self, Quota};
use crate::resource::{CustomerGateway, GatewayState, Tags};
use crate::state::Tables;
use crate::tagging::{self, NewTags};
use crate::transaction::Transaction;
use crate::view::View;

/// The BGP number of a device unless the request says another.
const DEFAULT_ASN: i64 = 65_000;
/// The largest BGP number that answers call `bgpAsn`; larger ones are called `bgpAsnExtended`.
const MAX_PLAIN_ASN: i64 = 2_147_483_647;
/// How many characters a device's name may have.
const MAX_NAME_LEN: usize = 255;

pub(super) fn create_customer_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: CreateCustomerGatewayRequest,
) -> Result<CreateCustomerGatewayResult, ApiError> {
    let tags = NewTags::new(&request.tag_specifications, &["customer-gateway"])?;
    let Some(GatewayType::Ipsec1) = request.r#type else { return Err(ApiError::missing("Type")) };
    let bgp_asn = bgp_asn(&request)?;
    let ip = ip_address(&request)?;
    if request.device_name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_LEN) {
        return Err(ApiError::invalid_value(format!("DeviceName may have at most {MAX_NAME_LEN} characters.")));
    }
    let new = CustomerGateway {
        id: CustomerGatewayId::from_number(context.id_number()),
        bgp_asn,
        ip,
        certificate_arn: request.certificate_arn,
        device_name: request.device_name,
        state: GatewayState::Available,
        since: context.now,
    };
    // An identical request gets the gateway that is there.
    let is_same = |it: &CustomerGateway| CustomerGateway { id: new.id, since: new.since, ..it.clone() } == new;
    if let Some(existing) = tx.customer_gateways.values().find(|it| is_same(it)) {
        let customer_gateway = Row { tables: tx, gateway: existing }.to_shape();
        return Ok(CreateCustomerGatewayResult { customer_gateway: Some(customer_gateway) });
    }
    let present = tx.customer_gateways.values().filter(|it| it.state != GatewayState::Deleted).count();
    quotas::check(context, Quota::CustomerGateways, present)?;
    tx.put(new.clone());
    tags.put(tx, "customer-gateway", new.id);
    Ok(CreateCustomerGatewayResult { customer_gateway: Some(Row { tables: tx, gateway: &new }.to_shape()) })
}

fn bgp_asn(request: &CreateCustomerGatewayRequest) -> Result<i64, ApiError> {
    let (asn, name, allowed) = match (request.bgp_asn, request.bgp_asn_extended) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter BgpAsn cannot be used with the parameter BgpAsnExtended",
            ));
        }
        (None, None) => return Ok(DEFAULT_ASN),
        (Some(asn), None) => (i64::from(asn), "bgpAsn", 1..=MAX_PLAIN_ASN),
        (None, Some(asn)) => (asn, "bgpAsnExtended", MAX_PLAIN_ASN + 1..=i64::from(u32::MAX)),
    };
    if allowed.contains(&asn) {
        return Ok(asn);
    }
    let (from, to) = allowed.into_inner();
    Err(ApiError::invalid_value(format!(
        "Value ({asn}) for parameter {name} is invalid. It must be in the range {from} to {to}."
    )))
}

/// The device's address. `PublicIp` is what `IpAddress` was called before; a device with a certificate needs none.
fn ip_address(request: &CreateCustomerGatewayRequest) -> Result<Option<IpAddr>, ApiError> {
    let text = match (request.ip_address.as_deref(), request.public_ip.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameter IpAddress cannot be used with the parameter PublicIp",
            ));
        }
        (text, older) => text.or(older),
    };
    match text {
        None if request.certificate_arn.is_none() => Err(ApiError::missing("IpAddress")),
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            ApiError::invalid_value(format!("Value ({text}) for parameter ipAddress is invalid. Invalid IP address."))
        }),
    }
}

pub(super) fn delete_customer_gateway(
    context: &Context,
    tx: &mut Transaction,
    request: DeleteCustomerGatewayRequest,
) -> Result<(), ApiError> {
    let gateway = CustomerGateway::clone(get::<CustomerGateway>(tx, &request.customer_gateway_id)?);
    if gateway.state == GatewayState::Deleted {
        return Err(CustomerGateway::KIND.not_found(&[&request.customer_gateway_id]));
    }
    tx.put(CustomerGateway { state: GatewayState::Deleted, since: context.now, ..gateway });
    Ok(())
}

pub(super) fn describe_customer_gateways(
    _: &Context,
    view: &View<'_>,
    request: DescribeCustomerGatewaysRequest,
) -> Result<DescribeCustomerGatewaysResult, ApiError> {
    let asked = Listing::whole(&request.customer_gateway_ids, &request.filters);
    let (rows, _) = list::<CustomerGateway, _>(view.tables(), asked, |gateway| Row { tables: view.tables(), gateway })?;
    Ok(DescribeCustomerGatewaysResult { customer_gateways: rows.iter().map(Row::to_shape).collect() })
}

struct Row<'a> {
    tables: &'a Tables,
    gateway: &'a CustomerGateway,
}

impl Row<'_> {
    fn to_shape(&self) -> ec2_shapes::CustomerGateway {
        let gateway = self.gateway;
        let asn = Some(gateway.bgp_asn.to_string());
        let is_plain = gateway.bgp_asn <= MAX_PLAIN_ASN;
        ec2_shapes::CustomerGateway {
            bgp_asn: asn.clone().filter(|_| is_plain),
            bgp_asn_extended: asn.filter(|_| !is_plain),
            certificate_arn: gateway.certificate_arn.clone(),
            customer_gateway_id: Some(gateway.id.to_string()),
            device_name: gateway.device_name.clone(),
            ip_address: gateway.ip.map(|ip| ip.to_string()),
            state: Some(gateway.state.as_str().to_owned()),
            tags: tagging::to_shape(self.tables.tags_of(&gateway.id.to_string())),
            r#type: Some(GatewayType::Ipsec1.as_str().to_owned()),
        }
    }
}

impl Filterable for Row<'_> {
    const NAMES: &'static [&'static str] = &["bgp-asn", "customer-gateway-id", "ip-address", "state", "type"];

    fn values(&self, name: &str, found: &mut dyn FnMut(&str)) {
        let gateway = self.gateway;
        match name {
            "bgp-asn" => found(&gateway.bgp_asn.to_string()),
            "customer-gateway-id" => found(&gateway.id.to_string()),
            "ip-address" => gateway.ip.iter().for_each(|ip| found(&ip.to_string())),
            "state" => found(gateway.state.as_str()),
            "type" => found(GatewayType::Ipsec1.as_str()),
            _ => {}
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(self.tables.tags_of(&self.gateway.id.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use ec2_shapes::{Response, Tag};

    use super::*;
    use crate::actions::testbed::{Bed, texts};
    use crate::settle::DELETED_VISIBLE_MS;
    use crate::testing::{filter, specification};

    fn request() -> CreateCustomerGatewayRequest {
        CreateCustomerGatewayRequest {
            r#type: Some(GatewayType::Ipsec1),
            ip_address: Some("203.0.113.9".to_owned()),
            ..CreateCustomerGatewayRequest::default()
        }
    }

    fn create(bed: &mut Bed, request: CreateCustomerGatewayRequest) -> ec2_shapes::CustomerGateway {
        match bed.ask(request).unwrap() {
            Response::CreateCustomerGateway(answer) => answer.customer_gateway.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn describe(bed: &mut Bed, request: DescribeCustomerGatewaysRequest) -> Vec<ec2_shapes::CustomerGateway> {
        match bed.ask(request).unwrap() {
            Response::DescribeCustomerGateways(answer) => answer.customer_gateways,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_gateway_reads_back_and_is_gone_an_hour_after_its_end() {
        let mut bed = Bed::new();
        let made = create(
            &mut bed,
            CreateCustomerGatewayRequest {
                bgp_asn: Some(64_999),
                device_name: Some("router".to_owned()),
                certificate_arn: Some("arn:aws:acm:us-east-1:123456789012:certificate/x".to_owned()),
                tag_specifications: vec![specification("customer-gateway", &[("Name", "office")])],
                ..request()
            },
        );
        let told = describe(&mut bed, DescribeCustomerGatewaysRequest::default());
        assert_eq!(told, std::slice::from_ref(&made));
        assert_eq!(made.bgp_asn.as_deref(), Some("64999"));
        assert_eq!((made.ip_address.as_deref(), made.device_name.as_deref()), (Some("203.0.113.9"), Some("router")));
        assert_eq!((made.state.as_deref(), made.r#type.as_deref()), (Some("available"), Some("ipsec.1")));
        assert_eq!(made.tags, [Tag { key: Some("Name".to_owned()), value: Some("office".to_owned()) }]);
        let delete = DeleteCustomerGatewayRequest {
            customer_gateway_id: made.customer_gateway_id.clone().unwrap(),
            ..DeleteCustomerGatewayRequest::default()
        };
        bed.ask(delete.clone()).unwrap();
        assert_eq!(bed.error(delete).0, "InvalidCustomerGatewayID.NotFound");
        let told = describe(&mut bed, DescribeCustomerGatewaysRequest::default());
        assert_eq!(told[0].state.as_deref(), Some("deleted"));
        bed.settle_after_ms(DELETED_VISIBLE_MS);
        let named = DescribeCustomerGatewaysRequest {
            customer_gateway_ids: texts(&[&made.customer_gateway_id.unwrap()]),
            ..DescribeCustomerGatewaysRequest::default()
        };
        assert_eq!(bed.error(named).0, "InvalidCustomerGatewayID.NotFound");
        assert!(bed.view().tags.is_empty(), "its tags went with it");
    }

    #[test]
    fn an_identical_request_makes_no_second_gateway() {
        let mut bed = Bed::new();
        let first = create(&mut bed, request());
        assert_eq!(create(&mut bed, request()), first);
        let named = CreateCustomerGatewayRequest { device_name: Some("second".to_owned()), ..request() };
        assert_ne!(create(&mut bed, named).customer_gateway_id, first.customer_gateway_id);
        let asn = CreateCustomerGatewayRequest { bgp_asn_extended: Some(4_200_000_000), ..request() };
        let extended = create(&mut bed, asn);
        assert_eq!((extended.bgp_asn, extended.bgp_asn_extended.as_deref()), (None, Some("4200000000")));
    }

    #[test]
    fn bad_requests_are_refused() {
        let mut bed = Bed::new();
        for (bad, code) in [
            (CreateCustomerGatewayRequest { r#type: None, ..request() }, "MissingParameter"),
            (CreateCustomerGatewayRequest { ip_address: None, ..request() }, "MissingParameter"),
            (
                CreateCustomerGatewayRequest { public_ip: Some("203.0.113.8".to_owned()), ..request() },
                "InvalidParameterCombination",
            ),
            (
                CreateCustomerGatewayRequest { ip_address: Some("300.0.0.1".to_owned()), ..request() },
                "InvalidParameterValue",
            ),
            (CreateCustomerGatewayRequest { bgp_asn: Some(0), ..request() }, "InvalidParameterValue"),
            (CreateCustomerGatewayRequest { bgp_asn_extended: Some(1), ..request() }, "InvalidParameterValue"),
            (
                CreateCustomerGatewayRequest { bgp_asn: Some(1), bgp_asn_extended: Some(4_200_000_000), ..request() },
                "InvalidParameterCombination",
            ),
            (CreateCustomerGatewayRequest { device_name: Some("x".repeat(256)), ..request() }, "InvalidParameterValue"),
        ] {
            assert_eq!(bed.error(bad.clone()).0, code, "{bad:?}");
        }
        for (id, code) in [
            ("cgw-00000000000000009", "InvalidCustomerGatewayID.NotFound"),
            ("cgw-x", "InvalidCustomerGatewayId.Malformed"),
        ] {
            let named = DescribeCustomerGatewaysRequest {
                customer_gateway_ids: texts(&[id]),
                ..DescribeCustomerGatewaysRequest::default()
            };
            assert_eq!(bed.error(named).0, code);
            let delete = DeleteCustomerGatewayRequest { customer_gateway_id: id.to_owned(), dry_run: None };
            assert_eq!(bed.error(delete).0, code);
        }
    }

    #[test]
    fn gateways_by_every_filter() {
        let mut bed = Bed::new();
        let tag_specifications = vec![specification("customer-gateway", &[("Name", "office")])];
        let made = create(&mut bed, CreateCustomerGatewayRequest { tag_specifications, ..request() });
        for (name, value) in [
            ("bgp-asn", "65000"),
            ("customer-gateway-id", made.customer_gateway_id.as_deref().unwrap()),
            ("ip-address", "203.0.113.*"),
            ("state", "available"),
            ("type", "ipsec.1"),
            ("tag:Name", "office"),
            ("tag-key", "Name"),
        ] {
            for (value, count) in [(value, 1), ("nothing", 0)] {
                let request = DescribeCustomerGatewaysRequest {
                    filters: vec![filter(name, &[value])],
                    ..DescribeCustomerGatewaysRequest::default()
                };
                assert_eq!(describe(&mut bed, request).len(), count, "{name}={value}");
            }
        }
        assert_eq!(Row::NAMES.len(), 5);
    }

    #[test]
    fn there_is_a_quota() {
        let mut bed = Bed::new();
        for asn in 1..=50 {
            create(&mut bed, CreateCustomerGatewayRequest { bgp_asn: Some(asn), ..request() });
        }
        let one_more = CreateCustomerGatewayRequest { bgp_asn: Some(51), ..request() };
        assert_eq!(bed.error(one_more).0, "CustomerGatewayLimitExceeded");
    }
}
