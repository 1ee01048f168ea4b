## Help

help = An EC2 you own: the EC2 API, answered with real Linux instances on this machine
help--output = How to print what comes out
help--lang = The language of texts; else the locale says
help--state-dir = Where the cloud keeps its state
help--image-dir = Where image layers are kept, for every cloud of this machine
help--region = The region to look at; else AWS_REGION or AWS_DEFAULT_REGION, else us-east-1
help--help = Show help
help--version = Show the version
help-serve = Start the daemon; it prints `ready http://ADDR` once it answers
help-serve--listen = Where the EC2 API answers
help-serve--engine = What stands behind instances: Linux containers, or nothing at all (needs no root)
help-serve--public-pool = Where public addresses come from
help-serve--quotas = Raise or lower a quota, such as vpcs=50; may be given more than once. All quotas: daemun quotas
help-demo = Tell the whole story once, from a key pair to a table of who can come in
help-demo--key-dir = Where to save the private key; else below the state directory
help-demo--image = The image of the demo's instance
help-demo--instance-type = The type of the demo's instance
help-demo--clean-up = Only remove what an earlier demo made
help-status = Show the daemon, its instances and who may reach them, and the images
help-doctor = Check what this machine has and what it lacks
help-doctor--listen = The address that the daemon is to answer at
help-image = Build, list and import images
help-image-build = Build an image from its recipe; does nothing where it is up to date
help-image-build--name = The recipe, such as debian-12
help-image-list = List the images that instances can be made from
help-image-import = Make an image from a root file system
help-image-import--name = What to call it
help-image-import--tarball = The root file system as a tar archive, compressed or not
help-ssh = Log in to an instance by its name
help-ssh--instance = Its Name tag or its id
help-ssh--identity = The private key; else the one the demo saved
help-ssh--user = The user; else the one of the instance's image
help-ssh--arguments = What to run there instead of a shell
help-why = Say why a connection comes to be or not, and try a real one
help-why--question = Who is called, from where: web:3005, 'internet -> web:443', 'web -> db:3306', 10.0.0.5:53/udp, web/icmp. TARGET and FROM are an instance's id or Name tag, an address, or a DNS name of the cloud; without a port, 22
help-why--from = Who calls; else this machine, the operator's
help-why--identity = The private key to log in with, as for ssh
help-why--user = The user to log in as; else the one of the instance's image
help-why--no-probe = Do not try a real connection
help-why--wait = How long to wait for the real connection, in seconds
help-who = Show everything that can come in to an instance: port, program, whom it is open to
help-who--target = The instance: its id or Name tag, an address, or a DNS name of the cloud
help-env = Print the exports that any AWS client needs: eval "$(daemun env)"
help-down = Stop the instances and the daemon and take the network off this machine
help-down--purge = Delete the state, too: instances, disks, keys, everything
help-down--yes = Do not ask before deleting
help-actions = List the API actions that are answered, each with its tier
help-quotas = List the quotas and their values

## Common

daemon-not-running = No daemon runs for { $state_dir }. Start it: { $command }
daemon-out-of-reach = { $state_dir } can only be read by root: run this with sudo
daemon-elsewhere = The daemon runs in another network namespace. Run this there: { $command }
column-id = ID
column-name = NAME
column-state = STATE
column-private = PRIVATE
column-public = PUBLIC
column-open = OPEN
column-created = CREATED
column-size = SIZE
column-user = USER
column-description = DESCRIPTION
column-port = PORT
column-process = PROCESS
column-open-to = OPEN TO
column-proof = HOW THEY PROVE WHO THEY ARE

## actions

actions-title = { $count } actions are answered:

## quotas

quotas-title = How much of each thing a region may have:
quotas-how = To change one: daemun serve --quota NAME=VALUE

## env

env-usage = Run this to use the cloud from this shell: eval "$({ $command })"
env-old-cli = AWS CLIs older than 2.13, such as Debian 12's, do not read AWS_ENDPOINT_URL:

## status

status-daemon = daemun { $version } at { $endpoint }, process { $pid }
status-engine = engine: { $engine }, since { $started }
status-pool = public addresses: { $pool }
status-operator = instances see this machine as: { $address }
status-instances = Instances in { $region }: { $count }
status-images = Images: { $count }
status-open = { $ports } from { $peer }

## doctor

doctor-ok = ok
doctor-bad = MISSING
doctor-remedy = to do: { $remedy }
doctor-all-well = All is well.
doctor-not-well = Something is missing: { $count }
doctor-there = there
doctor-not-there = missing
doctor-for-machines = instances
doctor-for-network = network
doctor-for-images = images
doctor-for-demo = login and demo
doctor-install = sudo apt install { $package }
doctor-root = the rights that instances need
doctor-root-remedy = run as root: sudo { $command }
doctor-kernel = Linux kernel
doctor-kernel-remedy = Linux { $major }.{ $minor } or newer is needed; Debian 12 and Ubuntu 24.04 have it
doctor-overlay = overlay file system
doctor-overlay-remedy = a kernel with CONFIG_OVERLAY_FS
doctor-user-namespaces = user namespaces
doctor-control-groups = control groups for memory, processor time and processes
doctor-control-groups-remedy = mount the cgroup file system and enable these controllers
doctor-port = API address { $address }
doctor-port-ours = taken by this cloud's own daemon
doctor-port-free = free
doctor-port-remedy = stop the program that uses it (ss -ltnp shows which), or choose another with --listen
doctor-state-dir = state directory { $directory }
doctor-state-dir-ok = writable
doctor-state-dir-remedy = run as root, or choose another with --state-dir
doctor-forwarding = way out for instances
doctor-forwarding-ok = nothing in the way

## image

image-building = Building { $name }
stage-prepare = getting ready
stage-download = fetching packages
stage-unpack = unpacking packages
stage-configure = setting packages up
stage-customise = adding files
stage-finish = checking
image-built = { $name } is ready ({ $size } MiB, { $seconds } s)
image-up-to-date = { $name } is up to date
image-none = There is no image yet. Build one: { $command }
image-imported = { $name } is imported ({ $size } MiB)

## ssh

ssh-no-instance = No instance in { $region } is called { $wanted }
ssh-several = Several instances are called { $wanted }; name one by its id: { $ids }
ssh-no-address = { $id } is { $state } and has no public address

## down

down-stopped = Daemon stopped (process { $pid })
down-no-daemon = No daemon was running
down-machines = Instances shut down: { $count }
down-kept = The state is kept. To go on with it: { $command }
down-purged = Deleted: { $state_dir }
down-confirm = Delete { $state_dir } with all its instances and keys? [y/N]
down-needs-yes = --purge deletes everything and nobody can be asked here: add --yes
down-left = Nothing was changed.

## demo

demo-intro = You are about to rent a machine from yourself. Every command below is one you can type; each was really run, and what came back is shown.
demo-intro-env = The aws commands need to know where your EC2 is: { $command }
demo-intro-sudo = The files made here belong to root: type the commands in a root shell (sudo -s).
demo-intro-user = There are two kinds of visitors: the operator, you, coming from { $operator }; and the public, everyone else (0.0.0.0/0).
demo-needs-machines = The demo needs real machines; this cloud's engine is { $engine }
demo-cleaned = Removed what an earlier demo had made: { $count }
demo-failed = Step { $number } did not come out as expected.
demo-expected = expected: { $what }
demo-got = got:      { $what }
demo-done = All eleven steps came out as expected, in { $seconds } s. The cloud stays up.
demo-go-on-ssh = Log in:
demo-go-on-curl = Ask the API over HTTPS:
demo-go-on-env = Use any AWS client in this shell:
demo-go-on-aws = and then, for example:
demo-go-on-clean-up = Remove what the demo made:
demo-go-on-down = Stop the cloud:

demo-1-title = A key pair
demo-1-why = A key pair replaces the password. The public half goes to EC2, which puts it into every machine you start with it; the private half, this .pem file, exists only here. Mode 0400 means only you may read it, and ssh refuses a key that others could read.
demo-2-title = A security group that opens nothing
demo-2-why = A security group is a list of who may come in. A new one is empty, and what is not on the list is dropped: every port is closed until you open it.
demo-3-title = An instance
demo-3-why = A real Linux with its own address, disk and process 1. The private address is its name inside the VPC; the public one leads to it from outside.
demo-4-title = SSH times out
demo-4-why = The machine runs and sshd listens on 22, but no rule lets packets to 22 in. They are dropped without an answer, so ssh waits in vain: a timeout means a door you cannot even see.
demo-5-title = Port 22 for the operator alone
demo-5-why = 22 is where sshd offers a shell. Two locks guard it: the group lets only packets from { $operator } through, which is you, and then sshd itself wants the private key. "Permission denied (publickey)" is the second lock: the door was reached, the key was missing.
demo-6-title = An API on the instance
demo-6-why = git brings the code, .env (readable by root alone, never in git) holds what differs between machines and what is secret, and systemd keeps the program running. MySQL listens on 127.0.0.1 only: the API is its one visitor.
demo-7-title = Port 3005, closed and then opened
demo-7-why = The API was already listening; the inbound rule was what was missing. The group decides which packets reach the machine, the program decides what to answer: both are needed. 0.0.0.0/0 means everyone, because an API's users are the public, not the operator.
demo-8-title = A second service on the same address
demo-8-why = The address finds the machine, the port finds the program on it. Two services need two ports, 3004 and 3005, and each port has a rule of its own.
demo-9-title = nginx on 80 and 443
demo-9-why = 80 is where browsers look for http, which anyone on the way can read; 443 is where they look for https, which is encrypted. nginx answers on both and asks the API on 3005 from inside the machine. Nobody vouches for a certificate made here, so curl is given it by hand.
demo-10-title = Port 3005 closed again
demo-10-why = The program still listens on 3005, and nginx still reaches it from inside; only packets from outside no longer arrive. Visitors come by 443, so 3005 need not be open to anyone.
demo-11-title = Who can come in
demo-11-why = Open to { $operator }/32 means the operator alone, open to 0.0.0.0/0 means the public. An open port is not yet a welcome: what stands behind it must still ask who is there, where that matters.

demo-key-made = { $id }, fingerprint { $fingerprint }
demo-key-saved = saved to { $path }, mode 0400
demo-ssh-settings = these options are kept in { $path } for the next steps
demo-rule-made = { $id }: tcp/{ $port } open to { $peer }
demo-rule-gone = no rule for tcp/{ $port } any more
demo-running = running after { $seconds } s
demo-addresses = public { $public }, private { $private }
demo-rows = { $count } rows from MySQL
demo-doors-found = ports that programs listen on: { $count }
demo-rules-found = rules for packets that come in: { $count }
demo-doors-title = both side by side
doors-inside-only = nobody: listens on 127.0.0.1 only
doors-everyone = everyone (0.0.0.0/0)
doors-nobody = nobody
doors-operator = the operator ({ $peer })
proof-key = with the private key
proof-none = not at all
proof-certificate = not at all; the server proves itself by certificate
proof-behind-nginx = reached through nginx only
proof-password = with the password in .env, from inside

demo-expect-success = the command succeeds
demo-expect-address = a public address
demo-expect-key = a private key
demo-expect-no-rule = no rule
demo-expect-image = an image called { $name } (daemun image build { $name })
demo-expect-state = { $id } is { $state }
demo-expect-ssh-timeout = ssh times out: no rule for 22
demo-expect-shell = a shell as { $user }
demo-expect-curl-timeout = curl times out: port { $port } is closed
demo-expect-closed = no rule for port { $port }
demo-expect-rows = rows from MySQL
demo-expect-answer = an answer from port { $port }
demo-expect-service = an answer from { $name }
demo-expect-door = port { $port } in use and open to: { $peers }

why-bad-question = { $question } is no question: write [FROM ->] TARGET[:PORT][/PROTO], with a port from 1 to 65535 and tcp, udp or icmp
why-bad-key = { $path } cannot be read as a private key
why-unknown = nothing in { $region } is called { $name }: neither an instance's id or Name tag, nor an address, nor a DNS name of the cloud
why-ambiguous = several instances are called { $name }: { $ids }; name one by its id
why-caller-ended = { $name } ({ $id }) is terminated and calls nobody any more
why-way-name = Who is meant
why-way-call = The way there
why-way-answer = The way of the answer
why-way-machine = Inside the machine
why-reachable = It gets through.
why-reachable-network = The network lets it through. What the machine itself does with it was not looked at.
why-client-timed-out = The client waits in vain: connection timed out.
why-client-refused = The client is turned away at once: connection refused.
why-client-no-route = The client has no way to go: no route to host.
why-client-denied = SSH turns the client down: Permission denied (publickey).
why-client-unresolved = The name leads to no address: could not resolve host.
why-client-tls = The client does not believe the server's certificate.
why-code = { $code } at { $component }
why-remedy = This removes the obstacle:
why-probe-agrees = A real connection was tried, and the world agrees: { $met }
why-probe-disagrees = A real connection met something else: { $met } The explanation is wrong. That is a bug; please report it.
why-met-nothing = it gets through.
why-resolves = { $name } is { $address } for this caller
why-name-unknown-outside = { $name } is a name of the cloud's own resolver, which only instances ask; use the address
why-no-dns = { $name } is not resolved: the VPC's resolver is off (enableDnsSupport)
why-target-without-public = { $id } has no public address, and its private one is known inside its VPC only
why-state = { $id } is { $state }: nothing answers at its address
why-caller-state = { $id } is { $state } and calls nobody
why-families = { $source } and { $address } are addresses of different families, and no packet is of both
why-forwards = { $id } gets the packet and is to send it on: what it does with it, it alone decides
why-own-source = the packet's source is { $component }'s own
why-source-not-checked = { $component } may send for others: its source/destination check is off
why-rule-in = group { $group } lets it in by rule { $rule }
why-rule-out = group { $group } lets it out by rule { $rule }
why-tracked = it belongs to a connection that was let through
why-acl-in = network ACL { $acl } lets it into the subnet by entry { $number }
why-acl-out = network ACL { $acl } lets it out of the subnet by entry { $number }
why-route = route table { $table } has a route: { $destination } to { $target }
why-service = metadata and the resolver are never filtered
why-local = the address is { $interface }'s
why-translated = { $from } becomes { $to }
why-as-it-is = IPv6 addresses go through as they are
why-peer = it goes on in { $vpc }
why-transit-route = transit gateway route table { $table } has a route: { $destination } to { $attachment }
why-leaves = it leaves the cloud
why-no-interface = there is no interface { $component }
why-detached = nothing runs behind { $component }
why-spoofed = the source is not one of the interface's own ({ $own }), and its source/destination check is on
why-no-rule-in = no inbound rule of { $groups } lets it in, and what no rule allows is dropped without an answer
why-no-rule-out = no outbound rule of { $groups } lets it out, and what no rule allows is dropped without an answer
why-acl-denies-in = network ACL { $acl } denies it the way into the subnet (entry { $number })
why-acl-denies-out = network ACL { $acl } denies it the way out of the subnet (entry { $number })
why-router-address = the address is the VPC router's own, which answers nothing there
why-no-metadata-by-ipv6 = the metadata service answers this instance by IPv4 alone (HttpProtocolIpv6)
why-no-such-address = the address is in the VPC, but no interface has it
why-no-route = route table { $table } has no route for it
why-blackhole = the route { $destination } of { $table } is a black hole: { $target } is not there or forwards nothing
why-no-route-back = route table { $table } of the target's subnet has no route back to the internet gateway: the subnet is private
why-no-public-address = only what has a public address passes the internet gateway, and the sender has none
why-not-on-the-internet = { $address } is no address of the internet, so the gateway carries nothing to or from it
why-public-address-unused = no interface has this public address
why-egress-only = nothing but answers comes in by an egress-only internet gateway
why-of-the-link = such a message is for one link alone
why-operator-address = instances cannot call the operator's own machine
why-not-translated = a NAT gateway carries TCP, UDP and ICMP alone
why-unasked = a NAT gateway takes no connection from outside
why-not-transitive = a peering connection carries only what is between its two VPCs: it is not transitive
why-not-associated = attachment { $attachment } is associated with no route table of the transit gateway
why-no-transit-route = transit gateway route table { $table } has no route for it
why-transit-blackhole = the route { $destination } of transit gateway route table { $table } leads nowhere
why-source-of-this-vpc = it comes from a transit gateway under an address of the VPC itself
why-never-routed = no router carries anything to or from { $address }
why-unrelated = it answers nothing and begins nothing
why-loop = it goes round in circles
why-filter-passes = the machine's own packet filter lets it pass
why-filter-drops = the machine's own packet filter drops calls to port { $port } (chain { $chain }; run the command inside the machine)
why-filter-rejects = the machine's own packet filter turns away calls to port { $port } (chain { $chain }; run the command inside the machine)
why-listens = { $program } listens on { $address }:{ $port }
why-nothing-listens = no program listens on port { $port }: start the server, and look at its log if it should be running
why-loopback-only = { $program } listens on { $address }:{ $port }, where only the machine itself can call: let it listen on 0.0.0.0
why-listens-elsewhere = { $program } listens on { $address }:{ $port } and not on { $wanted }: let it listen on 0.0.0.0
why-key-too-open = { $path } has mode { $mode }: others can read it, so ssh does not use it
why-no-such-user = there is no user { $user } on the machine; users with keys: { $others }
why-untrusted-keys = others than { $user } may write to { $path }, so sshd does not trust the keys there (run the command inside the machine)
why-no-keys = no key opens a login as { $user }; users with keys: { $others }
why-keys = { $user } logs in with one of { $count } keys; say which one with -i
why-key-accepted = { $path } is one of the keys that open a login as { $user }
why-key-not-authorized = { $path } is none of the keys that open a login as { $user }

who-nobody = { $name } is the address of no instance
who-not-looked = { $id } does not run, or only pretends to: its programs are not known
who-no-doors = nothing can come in to { $id }, and nothing listens there
who-port = PORT
who-program = PROGRAM
who-door = DOOR
who-proof = PROOF
who-open-to = OPEN TO
who-nothing-listens = nothing listens
who-operator = operator's
who-public = public
who-internal = internal
who-key = key pair
who-none-known = none known
who-loopback = nobody: the machine itself alone
who-nobody-allowed = nobody: no rule lets anyone in
who-everyone = everyone ({ $peers })
who-the-operator = the operator ({ $peers })
