"""Flow logs: packets to real machines, and the files that tell of them."""

from support.daemon import wait_until
from support.machine import tcp, udp
from support.real import OPERATOR, DualStack

FORMAT = "${interface-id} ${instance-id} ${dstaddr} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"


def written(bench, region, log):
    """The records of a log, as words."""
    files = (bench.daemon.state_dir / "flow-logs" / region / log).glob("*.log")
    return [line.split() for file in files for line in file.read_text().splitlines()]


def test_a_flow_log_tells_what_was_let_in_and_what_was_not(bench, region):
    machine = bench.run(bench.group("web", "tcp 22", "tcp 3005")).serve("tcp", 3005)
    [interface] = bench.ec2.describe_instances(InstanceIds=[machine.id])["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    eni = interface["NetworkInterfaceId"]
    ids = {}
    for traffic in ("ALL", "REJECT"):
        [ids[traffic]] = bench.ec2.create_flow_logs(
            ResourceIds=[eni], ResourceType="NetworkInterface", TrafficType=traffic, LogFormat=FORMAT,
            LogDestinationType="s3", LogDestination="arn:aws:s3:::bucket/flows/",
        )["FlowLogIds"]
    [log] = bench.ec2.describe_flow_logs(FlowLogIds=[ids["ALL"]])["FlowLogs"]
    assert log["DeliverLogsStatus"] == "SUCCESS"

    def records(traffic, *, port, action):
        lines = written(bench, region, ids[traffic])
        assert all(len(line) == 11 for line in lines)
        return [line for line in lines if line[3] == str(port) and line[9] == action]

    def told():
        # Asked again and again: rules are in force a moment after the call.
        assert tcp(machine.public, 3005) == "open"
        assert udp(machine.public, 5353, 0.2) is None
        return records("ALL", port=3005, action="ACCEPT") and records("REJECT", port=5353, action="REJECT")

    wait_until(told, 30, "records of both kinds")
    accepted = records("ALL", port=3005, action="ACCEPT")[0]
    assert accepted[:3] == [eni, machine.id, machine.private], "the private address, though the public one was called"
    assert accepted[4] == "6" and int(accepted[5]) >= 3 and int(accepted[6]) >= 40 * int(accepted[5]) and accepted[10] == "OK"
    assert 0 < int(accepted[8]) - int(accepted[7]) <= 10
    assert records("ALL", port=5353, action="REJECT")
    assert not records("REJECT", port=3005, action="ACCEPT"), "that log is of refused packets alone"
    bench.ec2.delete_flow_logs(FlowLogIds=list(ids.values()))
    assert bench.ec2.describe_flow_logs()["FlowLogs"] == []


def test_a_flow_log_tells_of_ipv6(bench, region):
    vpc = DualStack(bench.ec2)
    group = bench.group("web", "tcp 22", "tcp 3005 ::/0", vpc=vpc.id)
    machine = bench.run(group, SubnetId=vpc.subnet, Ipv6AddressCount=1).serve("tcp6", 3005)
    [address] = machine.ipv6
    [log] = bench.ec2.create_flow_logs(
        ResourceIds=[vpc.id], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
        LogFormat="${type} ${srcaddr} ${dstaddr} ${dstport} ${protocol} ${action} ${flow-direction} ${log-status}",
        LogDestination="arn:aws:s3:::bucket/flows/",
    )["FlowLogIds"]
    wanted = [
        ["IPv6", OPERATOR, address, port, "6", action, "ingress", "OK"] for port, action in (("3005", "ACCEPT"), ("3006", "REJECT"))
    ]

    def told():
        assert tcp(address, 3005) == "open" and tcp(address, 3006, 0.3) == "timeout"
        lines = written(bench, region, log)
        return all(line in lines for line in wanted)

    wait_until(told, 30, "records of both kinds")
