"""What is terminated leaves nothing behind."""

import os

from support.daemon import wait_until
from support.traces import more, of_instance, traces

# Thirty in every run, many more where there is time.
CYCLES = 300 if os.environ.get("DAEMUN_LONG") else 30


def test_cycles_of_run_and_terminate_leave_no_trace(bench, daemon):
    group = bench.group("ssh", "tcp 22")
    # The first instance brings the VPC's own network, which stays with the VPC.
    bench.run(group)
    bench.end()
    wait_until(lambda: not bench.ec2.describe_network_interfaces()["NetworkInterfaces"], 20, "no interface")
    bench.made.clear()
    before = traces(daemon)
    for cycle in range(CYCLES):
        machine = bench.run(group, wait=cycle % 10 == 0)
        if cycle % 3 == 0:
            machine.until("running")
        if cycle == 0:
            assert of_instance(daemon, machine.until("running").id), "a machine that runs has a name everywhere"
        bench.ec2.terminate_instances(InstanceIds=[machine.id])
    bench.end()
    left = lambda: [more(before, traces(daemon)), *(of_instance(daemon, machine.id) for machine in bench.made[:3])]
    wait_until(lambda: not any(left()), 30, f"no trace; left: {left()}")
    everything = str(traces(daemon))
    assert not [machine.id for machine in bench.made if machine.id in everything]
