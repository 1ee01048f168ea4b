//! What is sent is what was to be said, whatever is kept of it.

use std::task::Waker;

use cloud::resource::{Image, ImageDevice, ImageLayer, ImageMapping, ImageVolume};
use cloud::{Config, Transaction, View};
use ec2_shapes::{
    AttributeBooleanValue, CreateTagsRequest, DescribeInstancesRequest, ModifyVpcAttributeRequest, Request, Response,
    RunInstancesRequest, Tag, TerminateInstancesRequest,
};
use types::{ImageId, SnapshotId};

use super::*;

#[test]
fn a_piece_is_its_texts_one_after_another() {
    let texts = ["one", "", "two", "three"];
    let whole = texts.concat();
    for step in 1..=whole.len() {
        let mut piece = Piece::default();
        texts.iter().for_each(|text| piece.push(Bytes::from_static(text.as_bytes())));
        let mut read: Vec<u8> = Vec::new();
        while piece.has_remaining() {
            assert_eq!(piece.remaining(), whole.len() - read.len());
            let mut slices = [IoSlice::new(&[]); 8];
            let count = piece.chunks_vectored(&mut slices);
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(seen, whole.as_bytes()[read.len()..], "all of it is shown at once");
            assert!(seen.starts_with(piece.chunk()) && !piece.chunk().is_empty());
            let taken = step.min(seen.len());
            read.extend(&seen[..taken]);
            piece.advance(taken);
        }
        assert_eq!(read, whole.as_bytes());
        assert_eq!(piece.chunk(), b"");
    }
}

/// A cloud that is changed by requests, and what is kept of it.
struct Cloud {
    state: Arc<State>,
    calls: u64,
    shown: Arc<Shown>,
}

impl Cloud {
    fn new() -> Self {
        let mut cloud = Self { state: Arc::default(), calls: 0, shown: Arc::default() };
        cloud.write(|context, tx| {
            cloud::seed_region(context, tx);
            let root = ImageMapping {
                device_name: "/dev/xvda".to_owned(),
                device: ImageDevice::Volume(ImageVolume::new(SnapshotId::from_number(1), 8)),
            };
            let image =
                Image::new(ImageId::from_number(1), "image", context.now, vec![ImageLayer("base".into())], root);
            tx.put_shared(Image { architecture: "x86_64".to_owned(), ..image });
        });
        cloud
    }

    fn context(&mut self) -> Context {
        self.calls += 1;
        let config = Config {
            account: "123456789012".parse().unwrap(),
            public_pool: "198.18.0.0/16".parse().unwrap(),
            max_instances: Config::DEFAULT_MAX_INSTANCES,
            quotas: Default::default(),
        };
        let now = types::Timestamp::from_unix_ms(1_700_000_000_000 + self.calls as i64);
        let region = "us-east-1".parse().unwrap();
        Context::new(Arc::new(config), region, "AKIA".to_owned(), format!("r{}", self.calls), now, self.calls)
    }

    fn write<T>(&mut self, work: impl FnOnce(&Context, &mut Transaction) -> T) -> T {
        let context = self.context();
        let mut tx = Transaction::new(&self.state, context.region.clone());
        let done = work(&context, &mut tx);
        let mut state = tx.finish().1;
        state.revision = self.state.revision + 1;
        self.state = Arc::new(state);
        done
    }

    fn ask(&mut self, request: impl Into<Request>) -> Response {
        let request = request.into();
        self.write(|context, tx| cloud::actions::write(context, tx, request).unwrap())
    }

    /// What is sent of a description, and what it should be.
    fn described(&mut self) -> (String, String) {
        let context = self.context();
        let view = View::new(&self.state, &context.region).unwrap();
        let request = DescribeInstancesRequest::default();
        let answer = cloud::actions::read(&context, &view, request.clone().into()).unwrap();
        let expected = ec2_wire::encode(&answer, &context.request_id);
        let listing = InstanceListing::find(&context, &view, &request).unwrap();
        let body = InstanceBody::new(Arc::clone(&self.state), context, listing, Arc::clone(&self.shown));
        let sent = sent(body.into());
        (String::from_utf8(sent).unwrap(), String::from_utf8(expected).unwrap())
    }
}

/// All of a body, as a connection reads it.
fn sent(mut body: Body) -> Vec<u8> {
    let told = body.size_hint().exact();
    let mut read: Vec<u8> = Vec::new();
    let mut task = Task::from_waker(Waker::noop());
    while !body.is_end_stream() {
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut task) else { panic!("no piece") };
        let Ok(mut piece) = frame.into_data() else { panic!("no data") };
        let length = piece.remaining();
        read.extend(piece.copy_to_bytes(length));
    }
    assert!(matches!(Pin::new(&mut body).poll_frame(&mut task), Poll::Ready(None)));
    assert!(told.is_none_or(|told| told == read.len() as u64), "the length that was told is the length");
    read
}

#[test]
fn what_is_kept_is_sent_only_while_it_is_right() {
    let mut cloud = Cloud::new();
    let check = |cloud: &mut Cloud, what: &str| {
        for _ in 0..2 {
            let (sent, expected) = cloud.described();
            assert!(sent == expected, "{what}");
        }
    };
    let mut ids = Vec::new();
    for count in [1, 2, 100] {
        let launch = RunInstancesRequest {
            image_id: Some(ImageId::from_number(1).to_string()),
            min_count: count,
            max_count: count,
            ..Default::default()
        };
        let Response::RunInstances(made) = cloud.ask(launch) else { panic!("another answer") };
        ids.extend(made.instances.into_iter().filter_map(|instance| instance.instance_id));
        check(&mut cloud, "more instances");
    }
    let tag = Tag { key: Some("Name".to_owned()), value: Some("<x>".to_owned()) };
    cloud.ask(CreateTagsRequest { resources: ids[..5].to_vec(), tags: vec![tag], ..Default::default() });
    check(&mut cloud, "tags");
    let (vpc, group) = cloud.write(|_, tx| {
        let group = tx.security_groups.values().next().unwrap();
        (group.vpc.to_string(), group.id)
    });
    let off = AttributeBooleanValue { value: Some(false) };
    cloud.ask(ModifyVpcAttributeRequest { vpc_id: vpc, enable_dns_hostnames: Some(off), ..Default::default() });
    check(&mut cloud, "a VPC without names");
    cloud.write(|_, tx| {
        let renamed = tx.security_groups[&group].as_ref().clone();
        tx.put(cloud::resource::SecurityGroup { name: "another".into(), ..renamed });
    });
    check(&mut cloud, "a group of another name");
    cloud.ask(TerminateInstancesRequest { instance_ids: ids[50..60].to_vec(), ..Default::default() });
    check(&mut cloud, "instances that end");
}

#[test]
fn what_nobody_asks_for_is_forgotten() {
    let mut cloud = Cloud::new();
    let launch = RunInstancesRequest {
        image_id: Some(ImageId::from_number(1).to_string()),
        min_count: 3,
        max_count: 3,
        ..Default::default()
    };
    cloud.ask(launch);
    assert_eq!(cloud.shown.kept(), (0, 0));
    let (sent, _) = cloud.described();
    let (count, bytes) = cloud.shown.kept();
    assert_eq!(count, 3);
    assert!(bytes > sent.len() / 2 && bytes < sent.len());
    cloud.shown.forget_unused();
    assert_eq!(cloud.shown.kept(), (3, bytes), "somebody just asked for them");
    cloud.described();
    cloud.shown.forget_unused();
    assert_eq!(cloud.shown.kept(), (3, bytes), "somebody asked again");
    cloud.shown.forget_unused();
    assert_eq!(cloud.shown.kept(), (0, 0));
}
