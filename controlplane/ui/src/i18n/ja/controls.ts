export const controls = {
  selfProtection: {
    title: '自己保護',
    description: 'Enforcer 自身への攻撃。常に制御され、ポリシーでは変更できません。',
  },
  deniedExecutables: {
    title: '実行禁止プログラム',
    description: '実行してはならないプログラム(パス、名前、SHA-256 で指定)。',
  },
  allowedExecutables: {
    title: '実行許可プログラム',
    description: '実行してよいプログラム(パス、名前、SHA-256 で指定)。それ以外は違反になります。',
  },
  drift: {
    title: 'ドリフト防止',
    description: 'イメージに含まれていない、またはビルド後に変更されたプログラムやスクリプトの実行。',
  },
  fileless: {
    title: 'ファイルレス実行',
    description: 'メモリー上のプログラムの実行(memfd、削除済みファイル、/dev/shm)。',
  },
  packageManagers: {
    title: 'パッケージマネージャー',
    description: '実行中のコンテナへのソフトウェア導入(apt、apk、dnf、pip、npm install など)。',
  },
  interpreters: {
    title: 'インタープリターとローダー',
    description: '別のプログラムを経由した実行(ld.so、busybox アプレット、sh スクリプト、python -c)。',
  },
  preload: {
    title: 'ライブラリのプリロード',
    description: 'イメージに含まれないオブジェクトを使った LD_PRELOAD、LD_AUDIT、LD_LIBRARY_PATH。',
  },
  setuidBinaries: {
    title: 'set-user-ID プログラム',
    description: 'set-user-ID または set-group-ID ビットを持つプログラム。Enforcer の下では権限は得られず、誰が試みたかを示します。',
  },
  processLimit: {
    title: 'プロセス数の上限',
    description: '同時に存在できるプロセスとスレッドの数。フォーク爆弾を止めます。',
  },
  execSessions: {
    title: '外部からのセッション',
    description: '外部から起動されたプロセス(docker exec、ECS Exec、kubectl exec)。',
  },
  fileRead: {
    title: '読み取り禁止',
    description: '読み取ってはならないファイル。',
  },
  fileWrite: {
    title: '書き込み禁止',
    description: '書き込んではならないファイル。',
  },
  readOnlyFiles: {
    title: '読み取り専用ファイル',
    description: '属性も含めて一切変更してはならないファイルやディレクトリ。',
  },
  fileIntegrity: {
    title: 'ファイル整合性監視',
    description: 'ファイルの作成・変更・削除を、前後のダイジェストとともに報告します。',
  },
  volumes: {
    title: 'ボリューム',
    description: 'マウントしてはならないホスト上の場所。',
  },
  metadataEndpoints: {
    title: 'メタデータエンドポイント',
    description: 'クラウドが認証情報を渡すアドレス(169.254.169.254、169.254.170.2、fd00:ec2::254 など)。',
  },
  outbound: {
    title: 'アウトバウンド通信',
    description: 'ワークロードから開始する通信(ネットワーク、名前、ポート、プロトコルで指定)。',
  },
  inbound: {
    title: 'インバウンド通信',
    description: '外部から開始される通信(ネットワークとポートで指定)。',
  },
  bind: {
    title: '待ち受け',
    description: '待ち受けてよいアドレスとポート。',
  },
  socketFamilies: {
    title: 'ソケットの種類',
    description: '作成してよいソケットの種類(packet、alg、vsock、raw など)。',
  },
  dns: {
    title: '名前解決',
    description: '解決してよい名前、問い合わせてよいネームサーバー、名前に埋め込まれたデータ。',
  },
  portScan: {
    title: 'ポートスキャン',
    description: '多数のポートやホストへの接続を試みるプロセス。',
  },
  ipReputation: {
    title: 'アドレスの評価',
    description: '攻撃に使われることが知られているアドレスや名前への通信。',
  },
  reverseShell: {
    title: 'リバースシェル',
    description: 'ネットワーク接続を標準入出力として起動されたプログラム。',
  },
  bindShell: {
    title: 'バインドシェル',
    description: '待ち受けポートで提供されるシェル。',
  },
  cryptoMiners: {
    title: 'クリプトマイナー',
    description: 'マイニングプール、マイニングプログラム、その振る舞い。',
  },
  honeypots: {
    title: 'ハニーポット',
    description: '正当な理由では触れられることのないファイル、ポート、認証情報。',
  },
  injection: {
    title: 'プロセスインジェクション',
    description: '他のプロセスの書き換え(ptrace、process_vm_writev、pidfd_getfd)。',
  },
  anonymousExecutable: {
    title: '匿名の実行可能メモリー',
    description: '書き込み後に実行されるメモリー。JIT コンパイラーには例外が必要です。',
  },
  systemTampering: {
    title: '時計とログの改ざん',
    description: 'システム時計とログの変更。',
  },
  namespaces: {
    title: '名前空間',
    description: '名前空間の作成、または他の名前空間への移動(unshare、setns、clone)。',
  },
  mounts: {
    title: 'マウント',
    description: 'mount、umount、pivot_root、chroot と、同系統の新しいシステムコール。',
  },
  kernelInterfaces: {
    title: 'カーネルインターフェース',
    description: 'bpf、カーネルモジュール、perf イベント、キーリング、userfaultfd、kexec。',
  },
  privilegeChange: {
    title: '権限の変更',
    description: 'ユーザー、グループ、ケーパビリティの変更(setuid、setgid、capset 系)。',
  },
  capabilities: {
    title: 'ケーパビリティ',
    description: '起動時にワークロードから取り除くケーパビリティ。',
  },
  users: {
    title: 'ユーザーとグループ',
    description: 'プログラムを実行してよい、またはいけないユーザーとグループ。root の禁止。',
  },
  syscalls: {
    title: 'システムコール',
    description: 'システムコールの許可リストと拒否リスト。',
  },
  lowPorts: {
    title: '特権ポート',
    description: '1024 番未満のポートでの待ち受け。',
  },
}
