//! A machine to look around in; run by hand: `cargo nextest run -p host --run-ignored all hold --no-capture`.

mod common;

use std::time::Duration;

use host::machine::Machines as _;

#[test]
#[ignore = "waits for a person"]
fn kernel_hold() {
    let layers = std::env::var("DAEMUN_TEST_LAYERS").unwrap().split(':').map(Into::into).collect();
    let bench = common::Bench::new(layers);
    let spec = bench.spec(0);
    bench.machines.create(&spec).unwrap();
    bench.machines.start(&spec).unwrap();
    let address = spec.nics[0].address;
    println!(
        "nsenter --net=/run/netns/{} ssh -F none -i {}/key -o UserKnownHostsFile=/dev/null \
         -o StrictHostKeyChecking=no -o LogLevel=ERROR admin@{address}",
        bench.netns,
        bench.directory.display()
    );
    println!("the machine goes when this file does: {}/key", bench.directory.display());
    common::eventually("the key is removed", Duration::from_secs(3_600), || !bench.directory.join("key").exists());
}
