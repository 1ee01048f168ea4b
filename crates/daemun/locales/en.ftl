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
