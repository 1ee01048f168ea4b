## 도움말

help = 내 손안의 EC2: 이 컴퓨터의 진짜 리눅스 인스턴스로 EC2 API에 응답합니다
help--output = 출력 형식
help--lang = 설명에 쓸 언어. 없으면 로캘을 따릅니다
help--state-dir = 클라우드의 상태를 보관하는 디렉터리
help--image-dir = 이미지 레이어를 보관하는 디렉터리. 이 컴퓨터의 모든 클라우드가 함께 씁니다
help--region = 사용할 리전. 없으면 AWS_REGION이나 AWS_DEFAULT_REGION, 그것도 없으면 us-east-1
help--help = 도움말을 보여 줍니다
help--version = 버전을 보여 줍니다
help-serve = 데몬을 시작합니다. 응답할 준비가 되면 `ready http://주소`를 출력합니다
help-serve--listen = EC2 API가 응답할 주소
help-serve--engine = 인스턴스의 실체. 리눅스 컨테이너이거나, 아무것도 없는 흉내(root 권한 불필요)입니다
help-serve--public-pool = 퍼블릭 주소를 꺼내 쓸 대역
help-serve--quotas = 할당량을 바꿉니다(예: vpcs=50). 여러 번 쓸 수 있습니다. 전체 목록: daemun quotas
help-demo = 키 페어부터 누가 들어올 수 있는지 정리한 표까지, 전체 이야기를 한 번에 보여 줍니다
help-demo--key-dir = 프라이빗 키를 저장할 디렉터리. 없으면 상태 디렉터리 아래에 저장합니다
help-demo--image = 데모 인스턴스의 이미지
help-demo--instance-type = 데모 인스턴스의 유형
help-demo--clean-up = 이전 데모가 만든 것을 지우기만 합니다
help-status = 데몬과 인스턴스, 인스턴스에 들어올 수 있는 대상, 이미지를 보여 줍니다
help-doctor = 이 컴퓨터에 무엇이 갖춰져 있고 무엇이 부족한지 점검합니다
help-doctor--listen = 데몬이 응답할 주소
help-image = 이미지를 만들고, 나열하고, 가져옵니다
help-image-build = 레시피로 이미지를 만듭니다. 이미 최신이면 아무 일도 하지 않습니다
help-image-build--name = 레시피 이름. 예: debian-12
help-image-list = 인스턴스를 만들 수 있는 이미지를 나열합니다
help-image-import = 루트 파일 시스템으로 이미지를 만듭니다
help-image-import--name = 이미지 이름
help-image-import--tarball = 루트 파일 시스템이 담긴 tar 파일. 압축 여부는 상관없습니다
help-ssh = 이름으로 인스턴스에 로그인합니다
help-ssh--instance = 인스턴스의 Name 태그 또는 ID
help-ssh--identity = 프라이빗 키. 없으면 데모가 저장한 키를 씁니다
help-ssh--user = 사용자. 없으면 인스턴스 이미지의 사용자를 씁니다
help-ssh--arguments = 셸 대신 인스턴스에서 실행할 명령
help-why = 연결이 왜 되는지, 왜 안 되는지 말하고 실제로 한 번 걸어 봅니다
help-why--question = 누가 누구를 부르는지: web:3005, 'internet -> web:443', 'web -> db:3306', 10.0.0.5:53/udp, web/icmp. TARGET과 FROM은 인스턴스의 id나 Name 태그, 주소, 클라우드의 DNS 이름입니다. 포트가 없으면 22
help-why--from = 누가 부르는지; 없으면 이 컴퓨터, 곧 운영자의 컴퓨터
help-why--identity = 로그인할 개인 키. ssh의 -i와 같습니다
help-why--user = 로그인할 사용자; 없으면 인스턴스 이미지의 사용자
help-why--no-probe = 실제 연결을 걸어 보지 않습니다
help-why--wait = 실제 연결을 몇 초까지 기다릴지
help-who = 인스턴스에 들어올 수 있는 것을 모두 보여 줍니다: 포트, 프로그램, 누구에게 열렸는지
help-who--target = 인스턴스: id나 Name 태그, 주소, 클라우드의 DNS 이름
help-env = 모든 AWS 클라이언트에 필요한 환경 변수를 출력합니다: eval "$(daemun env)"
help-down = 인스턴스와 데몬을 멈추고 이 컴퓨터에서 네트워크를 걷어 냅니다
help-down--purge = 인스턴스, 디스크, 키를 비롯한 상태까지 모두 삭제합니다
help-down--yes = 삭제하기 전에 묻지 않습니다
help-actions = 응답할 수 있는 API 작업을 나열합니다
help-quotas = 할당량과 그 값을 보여 줍니다

## 공통

daemon-not-running = { $state_dir }의 데몬이 실행 중이 아닙니다. 다음 명령으로 시작하세요: { $command }
daemon-out-of-reach = { $state_dir } 디렉터리는 root만 읽을 수 있습니다. sudo로 실행하세요
daemon-elsewhere = 데몬이 다른 네트워크 네임스페이스에서 실행 중입니다. 다음 명령으로 들어가서 실행하세요: { $command }
column-id = ID
column-name = 이름
column-state = 상태
column-private = 프라이빗
column-public = 퍼블릭
column-open = 열린 포트
column-created = 만든 시각
column-size = 크기
column-user = 사용자
column-description = 설명
column-port = 포트
column-process = 프로세스
column-open-to = 들어올 수 있는 대상
column-proof = 신원 확인 방법

## actions

actions-title = 응답할 수 있는 작업 { $count }개:

## quotas

quotas-title = 리전 하나에 둘 수 있는 수:
quotas-how = 바꾸려면: daemun serve --quota 이름=값

## env

env-usage = 이 셸에서 클라우드를 쓰려면 다음을 실행하세요: eval "$({ $command })"
env-old-cli = 데비안 12에 들어 있는 것처럼 2.13보다 오래된 AWS CLI는 AWS_ENDPOINT_URL을 읽지 않습니다:

## status

status-daemon = daemun { $version }, { $endpoint }, 프로세스 { $pid }
status-engine = 엔진: { $engine }, 시작 시각: { $started }
status-pool = 퍼블릭 주소 대역: { $pool }
status-operator = 인스턴스에서 본 이 컴퓨터의 주소: { $address }
status-instances = { $region } 리전의 인스턴스: { $count }개
status-images = 이미지: { $count }개
status-open = { $peer }에 { $ports } 열림

## doctor

doctor-ok = 정상
doctor-bad = 부족
doctor-remedy = 해결 방법: { $remedy }
doctor-all-well = 모두 정상입니다.
doctor-not-well = 부족한 항목: { $count }개
doctor-there = 있습니다
doctor-not-there = 없습니다
doctor-for-machines = 인스턴스
doctor-for-network = 네트워크
doctor-for-images = 이미지
doctor-for-demo = 로그인과 데모
doctor-install = sudo apt install { $package }
doctor-root = 인스턴스에 필요한 권한
doctor-root-remedy = root로 실행하세요: sudo { $command }
doctor-kernel = 리눅스 커널
doctor-kernel-remedy = 리눅스 { $major }.{ $minor } 이상이 필요합니다. 데비안 12와 우분투 24.04가 이에 해당합니다
doctor-overlay = 오버레이 파일 시스템
doctor-overlay-remedy = CONFIG_OVERLAY_FS가 켜진 커널이 필요합니다
doctor-user-namespaces = 사용자 네임스페이스
doctor-control-groups = 메모리, 프로세서 시간, 프로세스 수를 제한하는 컨트롤 그룹
doctor-control-groups-remedy = cgroup 파일 시스템을 마운트하고 이 컨트롤러를 켜세요
doctor-port = API 주소 { $address }
doctor-port-ours = 이 클라우드의 데몬이 사용 중입니다
doctor-port-free = 비어 있습니다
doctor-port-remedy = 사용 중인 프로그램을 멈추거나(ss -ltnp로 확인할 수 있습니다) --listen으로 다른 주소를 고르세요
doctor-state-dir = 상태 디렉터리 { $directory }
doctor-state-dir-ok = 쓸 수 있습니다
doctor-state-dir-remedy = root로 실행하거나 --state-dir로 다른 디렉터리를 고르세요
doctor-forwarding = 인스턴스가 밖으로 나가는 길
doctor-forwarding-ok = 막는 규칙이 없습니다

## image

image-building = { $name } 이미지를 만드는 중
stage-prepare = 준비
stage-download = 패키지 내려받기
stage-unpack = 패키지 풀기
stage-configure = 패키지 설정
stage-customise = 파일 추가
stage-finish = 점검
image-built = { $name } 이미지가 준비되었습니다({ $size } MiB, { $seconds }초)
image-up-to-date = { $name } 이미지는 이미 최신입니다
image-none = 아직 이미지가 없습니다. 다음 명령으로 만드세요: { $command }
image-imported = { $name } 이미지를 가져왔습니다({ $size } MiB)

## ssh

ssh-no-instance = { $region } 리전에 { $wanted }에 해당하는 인스턴스가 없습니다
ssh-several = 이름이 { $wanted }인 인스턴스가 여럿입니다. ID로 하나를 지정하세요: { $ids }
ssh-no-address = { $id }의 상태는 { $state }이고 퍼블릭 주소가 없습니다

## down

down-stopped = 데몬을 멈췄습니다(프로세스 { $pid })
down-no-daemon = 실행 중인 데몬이 없었습니다
down-machines = 종료한 인스턴스: { $count }개
down-kept = 상태는 그대로 보관됩니다. 이어서 쓰려면: { $command }
down-purged = 삭제했습니다: { $state_dir }
down-confirm = 인스턴스와 키를 포함해 { $state_dir } 전체를 삭제할까요? [y/N]
down-needs-yes = --purge는 모든 것을 삭제하는데 여기서는 확인을 받을 수 없습니다. --yes를 함께 지정하세요
down-left = 아무것도 바꾸지 않았습니다.

## demo

demo-intro = 이제 나 자신에게서 컴퓨터를 한 대 빌려 봅니다. 아래 명령은 모두 직접 입력할 수 있고, 실제로 실행한 결과를 보여 줍니다.
demo-intro-env = aws 명령을 쓰려면 내 EC2가 어디에 있는지 알려 주어야 합니다: { $command }
demo-intro-sudo = 여기서 만드는 파일은 root의 것입니다. 명령은 root 셸(sudo -s)에서 입력하세요.
demo-intro-user = 찾아오는 사람은 두 부류입니다. { $operator } 주소에서 오는 운영자, 곧 나와, 그 밖의 모든 사람인 대중(0.0.0.0/0)입니다.
demo-needs-machines = 데모에는 진짜 인스턴스가 필요합니다. 이 클라우드의 엔진은 { $engine }입니다
demo-cleaned = 이전 데모가 만든 것을 지웠습니다: { $count }개
demo-failed = { $number }단계의 결과가 예상과 다릅니다.
demo-expected = 예상: { $what }
demo-got = 실제: { $what }
demo-done = 열한 단계가 모두 예상대로 끝났습니다({ $seconds }초). 클라우드는 계속 켜져 있습니다.
demo-go-on-ssh = 로그인하기:
demo-go-on-curl = HTTPS로 API에 요청하기:
demo-go-on-env = 이 셸에서 AWS 클라이언트 쓰기:
demo-go-on-aws = 그다음에는 예를 들어:
demo-go-on-clean-up = 데모가 만든 것을 지우기:
demo-go-on-down = 클라우드 멈추기:

demo-1-title = 키 페어
demo-1-why = 키 페어는 비밀번호를 대신합니다. 퍼블릭 키는 EC2에 맡겨져 그 키로 시작하는 모든 인스턴스에 들어가고, 프라이빗 키인 이 .pem 파일은 여기에만 있습니다. 0400은 나만 읽을 수 있다는 뜻이며, ssh는 남이 읽을 수 있는 키를 거부합니다.
demo-2-title = 아무것도 열지 않은 보안 그룹
demo-2-why = 보안 그룹은 들어올 수 있는 대상의 목록입니다. 새로 만든 목록은 비어 있고, 목록에 없는 것은 버려집니다. 열기 전까지 모든 포트는 닫혀 있습니다.
demo-3-title = 인스턴스
demo-3-why = 자기 주소와 디스크, 1번 프로세스를 가진 진짜 리눅스입니다. 프라이빗 주소는 VPC 안에서 쓰는 주소이고, 퍼블릭 주소는 밖에서 찾아가는 주소입니다.
demo-4-title = SSH 시간 초과
demo-4-why = 인스턴스는 켜져 있고 sshd도 22번 포트에서 기다리고 있지만, 22번으로 가는 패킷을 들여보내는 규칙이 없습니다. 패킷은 대답 없이 버려지므로 ssh는 하염없이 기다립니다. 시간 초과는 문이 보이지도 않는다는 뜻입니다.
demo-5-title = 운영자에게만 여는 22번 포트
demo-5-why = 22번은 sshd가 셸을 내어 주는 포트입니다. 자물쇠는 두 개입니다. 먼저 보안 그룹이 { $operator }, 곧 나에게서 온 패킷만 통과시키고, 그다음 sshd가 프라이빗 키를 요구합니다. "Permission denied (publickey)"는 두 번째 자물쇠입니다. 문까지는 왔지만 열쇠가 없다는 뜻입니다.
demo-6-title = 인스턴스에서 실행하는 API
demo-6-why = 코드는 git으로 가져오고, 인스턴스마다 다른 값과 비밀은 .env에 둡니다. .env는 root만 읽을 수 있고 git에는 올리지 않습니다. 프로그램은 systemd가 계속 실행합니다. MySQL은 127.0.0.1에서만 기다리므로 찾아오는 손님은 API뿐입니다.
demo-7-title = 닫혀 있던 3005번 포트 열기
demo-7-why = API는 이미 기다리고 있었고, 없던 것은 인바운드 규칙입니다. 보안 그룹은 어떤 패킷이 인스턴스에 닿을지 정하고, 프로그램은 무엇을 대답할지 정합니다. 둘 다 필요합니다. 0.0.0.0/0은 모든 사람이라는 뜻입니다. API의 사용자는 운영자가 아니라 대중이기 때문입니다.
demo-8-title = 같은 주소의 두 번째 서비스
demo-8-why = 주소는 컴퓨터를 찾고, 포트는 그 안의 프로그램을 찾습니다. 서비스가 두 개면 포트도 3004와 3005, 두 개가 필요하고 규칙도 포트마다 따로 있습니다.
demo-9-title = 80번과 443번 포트의 nginx
demo-9-why = 80번은 브라우저가 http를 찾는 포트로, 오가는 길에 있는 누구나 내용을 읽을 수 있습니다. 443번은 암호화된 https를 찾는 포트입니다. nginx는 두 포트에서 응답하고, 컴퓨터 안에서 3005번의 API에 요청을 넘깁니다. 여기서 만든 인증서는 보증해 주는 곳이 없으므로 curl에 직접 건네주었습니다.
demo-10-title = 다시 닫은 3005번 포트
demo-10-why = 프로그램은 여전히 3005번에서 기다리고 nginx도 안에서 계속 찾아갑니다. 밖에서 오는 패킷만 더는 닿지 않습니다. 손님은 443번으로 오므로 3005번은 아무에게도 열 필요가 없습니다.
demo-11-title = 누가 들어올 수 있는가
demo-11-why = { $operator }/32에 열렸다는 것은 운영자만, 0.0.0.0/0에 열렸다는 것은 모든 사람이 들어올 수 있다는 뜻입니다. 포트가 열렸다고 곧 환영받는 것은 아닙니다. 중요한 곳이라면 그 뒤의 프로그램이 누구인지 다시 물어야 합니다.

demo-key-made = { $id }, 지문 { $fingerprint }
demo-key-saved = { $path }에 0400 권한으로 저장했습니다
demo-ssh-settings = 다음 단계에서 쓰도록 이 옵션을 { $path }에 적어 두었습니다
demo-rule-made = { $id }: tcp/{ $port } 포트를 { $peer }에 열었습니다
demo-rule-gone = tcp/{ $port } 규칙이 이제 없습니다
demo-running = { $seconds }초 만에 실행되었습니다
demo-addresses = 퍼블릭 { $public }, 프라이빗 { $private }
demo-rows = MySQL에서 온 행 { $count }개
demo-doors-found = 프로그램이 기다리고 있는 포트: { $count }개
demo-rules-found = 들어오는 패킷에 대한 규칙: { $count }개
demo-doors-title = 둘을 나란히 놓으면
doors-inside-only = 없음: 127.0.0.1에서만 대기
doors-everyone = 모든 사람(0.0.0.0/0)
doors-nobody = 없음
doors-operator = 운영자({ $peer })
proof-key = 프라이빗 키
proof-none = 확인하지 않음
proof-certificate = 확인하지 않음. 서버가 인증서로 신원을 밝힘
proof-behind-nginx = nginx를 통해서만 닿음
proof-password = .env의 비밀번호, 안에서만

demo-expect-success = 명령이 성공합니다
demo-expect-address = 퍼블릭 주소
demo-expect-key = 프라이빗 키
demo-expect-no-rule = 규칙 없음
demo-expect-image = { $name } 이미지(daemun image build { $name })
demo-expect-state = { $id }의 상태가 { $state }
demo-expect-ssh-timeout = 22번 규칙이 없으므로 ssh 시간 초과
demo-expect-shell = { $user } 사용자의 셸
demo-expect-curl-timeout = { $port }번 포트가 닫혀 있으므로 curl 시간 초과
demo-expect-closed = { $port }번 포트의 규칙 없음
demo-expect-rows = MySQL에서 온 행
demo-expect-answer = { $port }번 포트의 응답
demo-expect-service = { $name }의 응답
demo-expect-door = { $port }번 포트를 쓰는 프로그램이 있고 열린 대상이 다음과 같음: { $peers }

why-bad-question = { $question }: 물음이 아닙니다. [FROM ->] TARGET[:PORT][/PROTO]로 쓰세요. 포트는 1부터 65535까지, 프로토콜은 tcp, udp, icmp입니다
why-bad-key = { $path }: 개인 키로 읽을 수 없습니다
why-unknown = { $region }에 { $name }(이)라는 것이 없습니다. 인스턴스의 id나 Name 태그도, 주소도, 클라우드의 DNS 이름도 아닙니다
why-ambiguous = { $name }(이)라는 인스턴스가 여럿입니다: { $ids }. id로 하나를 고르세요
why-caller-ended = { $name }({ $id })은(는) 종료되어 더는 아무도 부르지 않습니다
why-way-name = 누구인가
why-way-call = 가는 길
why-way-answer = 답이 오는 길
why-way-machine = 머신 안
why-reachable = 연결됩니다.
why-reachable-network = 네트워크는 통과합니다. 머신 안까지는 보지 않았습니다.
why-client-timed-out = 클라이언트는 헛되이 기다립니다: connection timed out.
why-client-refused = 클라이언트는 바로 거절당합니다: connection refused.
why-client-no-route = 클라이언트에게 갈 길이 없습니다: no route to host.
why-client-denied = SSH가 클라이언트를 거절합니다: Permission denied (publickey).
why-client-unresolved = 이름이 주소로 이어지지 않습니다: could not resolve host.
why-client-tls = 클라이언트가 서버의 인증서를 믿지 않습니다.
why-code = { $code }, 위치: { $component }
why-remedy = 이 명령이 장애물을 없앱니다:
why-probe-agrees = 실제로 걸어 보니 설명과 같습니다: { $met }
why-probe-disagrees = 실제로 걸어 보니 다릅니다: { $met } 설명이 틀렸습니다. 버그이니 알려 주세요.
why-met-nothing = 연결됩니다.
why-resolves = 이 호출자에게 { $name }은(는) { $address }입니다
why-name-unknown-outside = { $name }은(는) 클라우드 자신의 리졸버만 아는 이름이고, 그 리졸버는 인스턴스만 묻습니다. 주소를 쓰세요
why-no-dns = { $name }을(를) 찾을 수 없습니다. VPC의 리졸버가 꺼져 있습니다(enableDnsSupport)
why-target-without-public = { $id }에는 퍼블릭 주소가 없고, 프라이빗 주소는 그 VPC 안에서만 통합니다
why-state = { $id }은(는) { $state } 상태입니다. 그 주소에서 답할 것이 없습니다
why-caller-state = { $id }은(는) { $state } 상태라 아무도 부르지 않습니다
why-families = { $source }와(과) { $address }은(는) 다른 계열의 주소이고, 두 계열을 함께 쓰는 패킷은 없습니다
why-forwards = { $id }이(가) 패킷을 받아 넘겨야 합니다. 어떻게 할지는 그 머신만이 정합니다
why-own-source = 패킷의 출발지는 { $component } 자신의 주소입니다
why-source-not-checked = { $component }은(는) 남의 패킷도 보낼 수 있습니다: 출발지/도착지 검사가 꺼져 있습니다
why-rule-in = 그룹 { $group }이(가) 규칙 { $rule }(으)로 들여보냅니다
why-rule-out = 그룹 { $group }이(가) 규칙 { $rule }(으)로 내보냅니다
why-tracked = 이미 허용된 연결의 패킷입니다
why-acl-in = 네트워크 ACL { $acl }의 { $number }번 항목이 서브넷으로 들여보냅니다
why-acl-out = 네트워크 ACL { $acl }의 { $number }번 항목이 서브넷에서 내보냅니다
why-route = 라우팅 테이블 { $table }에 경로가 있습니다: { $destination } → { $target }
why-service = 메타데이터와 리졸버는 걸러지지 않습니다
why-local = 주소는 { $interface }의 것입니다
why-translated = { $from }이(가) { $to }(으)로 바뀝니다
why-as-it-is = IPv6 주소는 그대로 통과합니다
why-peer = { $vpc }에서 계속됩니다
why-transit-route = 트랜짓 게이트웨이 라우팅 테이블 { $table }에 경로가 있습니다: { $destination } → { $attachment }
why-leaves = 클라우드를 떠납니다
why-no-interface = 인터페이스 { $component }이(가) 없습니다
why-detached = { $component } 뒤에 돌아가는 것이 없습니다
why-spoofed = 출발지가 인터페이스 자신의 주소({ $own })가 아닌데 출발지/도착지 검사가 켜져 있습니다
why-no-rule-in = { $groups }의 인바운드 규칙 가운데 들여보내는 것이 없습니다. 허용하는 규칙이 없으면 답 없이 버려집니다
why-no-rule-out = { $groups }의 아웃바운드 규칙 가운데 내보내는 것이 없습니다. 허용하는 규칙이 없으면 답 없이 버려집니다
why-acl-denies-in = 네트워크 ACL { $acl }이(가) 서브넷에 들어오는 것을 막습니다({ $number }번 항목)
why-acl-denies-out = 네트워크 ACL { $acl }이(가) 서브넷에서 나가는 것을 막습니다({ $number }번 항목)
why-router-address = 주소가 VPC 라우터 자신의 것이고, 라우터는 거기서 답하지 않습니다
why-no-metadata-by-ipv6 = 메타데이터 서비스는 이 인스턴스에 IPv4로만 답합니다(HttpProtocolIpv6)
why-no-such-address = VPC 안의 주소이지만 그 주소를 가진 인터페이스가 없습니다
why-no-route = 라우팅 테이블 { $table }에 갈 경로가 없습니다
why-blackhole = { $table }의 경로 { $destination }은(는) 블랙홀입니다: { $target }이(가) 없거나 아무것도 넘기지 않습니다
why-no-route-back = 대상 서브넷의 라우팅 테이블 { $table }에 인터넷 게이트웨이로 돌아가는 경로가 없습니다: 프라이빗 서브넷입니다
why-no-public-address = 퍼블릭 주소가 있어야 인터넷 게이트웨이를 지나는데 보내는 쪽에는 없습니다
why-not-on-the-internet = { $address }은(는) 인터넷 주소가 아니어서 게이트웨이가 나르지 않습니다
why-public-address-unused = 이 퍼블릭 주소를 가진 인터페이스가 없습니다
why-egress-only = 이그레스 전용 인터넷 게이트웨이로는 답만 들어옵니다
why-of-the-link = 이런 메시지는 한 링크 안에서만 다닙니다
why-operator-address = 인스턴스는 운영자의 컴퓨터를 부를 수 없습니다
why-not-translated = NAT 게이트웨이는 TCP, UDP, ICMP만 나릅니다
why-unasked = NAT 게이트웨이는 밖에서 거는 연결을 받지 않습니다
why-not-transitive = 피어링은 두 VPC 사이의 것만 나릅니다: 거쳐 갈 수 없습니다
why-not-associated = 연결 { $attachment }이(가) 트랜짓 게이트웨이의 어느 라우팅 테이블과도 연관되어 있지 않습니다
why-no-transit-route = 트랜짓 게이트웨이 라우팅 테이블 { $table }에 갈 경로가 없습니다
why-transit-blackhole = 트랜짓 게이트웨이 라우팅 테이블 { $table }의 경로 { $destination }은(는) 아무 데로도 가지 않습니다
why-source-of-this-vpc = 트랜짓 게이트웨이에서 오는데 출발지가 이 VPC 자신의 주소입니다
why-never-routed = 어떤 라우터도 { $address }의 패킷을 나르지 않습니다
why-unrelated = 무엇에 대한 답도, 무엇의 시작도 아닙니다
why-loop = 같은 곳을 맴돕니다
why-filter-passes = 머신 자신의 패킷 필터가 통과시킵니다
why-filter-drops = 머신 자신의 패킷 필터가 포트 { $port }의 호출을 버립니다(체인 { $chain }; 명령은 머신 안에서)
why-filter-rejects = 머신 자신의 패킷 필터가 포트 { $port }의 호출을 거절합니다(체인 { $chain }; 명령은 머신 안에서)
why-listens = { $program }이(가) { $address }:{ $port }에서 듣고 있습니다
why-nothing-listens = 포트 { $port }에서 듣는 프로그램이 없습니다: 서버를 켜고, 켜져 있어야 한다면 로그를 보세요
why-loopback-only = { $program }이(가) { $address }:{ $port }에서 듣고 있어 머신 자신만 부를 수 있습니다: 0.0.0.0에서 듣게 하세요
why-listens-elsewhere = { $program }은(는) { $address }:{ $port }에서 듣고 { $wanted }에서는 듣지 않습니다: 0.0.0.0에서 듣게 하세요
why-key-too-open = { $path }의 권한이 { $mode }입니다: 남이 읽을 수 있는 키를 ssh는 쓰지 않습니다
why-no-such-user = 머신에 사용자 { $user }이(가) 없습니다. 키가 있는 사용자: { $others }
why-untrusted-keys = { $user }이(가) 아닌 누군가도 { $path }에 쓸 수 있어 sshd가 그 키를 믿지 않습니다(명령은 머신 안에서)
why-no-keys = { $user }(으)로 로그인하는 키가 없습니다. 키가 있는 사용자: { $others }
why-keys = { $user }은(는) 키 { $count }개 가운데 하나로 로그인합니다. -i로 어느 키인지 말하세요
why-key-accepted = { $path }은(는) { $user }(으)로 로그인하는 키입니다
why-key-not-authorized = { $path }은(는) { $user }(으)로 로그인하는 키가 아닙니다

who-nobody = { $name }은(는) 어느 인스턴스의 주소도 아닙니다
who-not-looked = { $id }은(는) 돌고 있지 않거나 흉내만 냅니다: 안의 프로그램은 알 수 없습니다
who-no-doors = { $id }에는 아무것도 들어올 수 없고, 듣고 있는 것도 없습니다
who-port = 포트
who-program = 프로그램
who-door = 문
who-proof = 증명
who-open-to = 열린 대상
who-nothing-listens = 듣는 것 없음
who-operator = 운영자
who-public = 공개
who-internal = 내부
who-key = 키 페어
who-none-known = 알려진 것 없음
who-loopback = 아무도 아님: 머신 자신만
who-nobody-allowed = 아무도 아님: 들여보내는 규칙 없음
who-everyone = 모두 ({ $peers })
who-the-operator = 운영자 ({ $peers })
