#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Checks that Vault signs the mesh of cluster cluster-1, and that what runs there is what was planned. It changes nothing.
# usage: bash verify.sh [--workload NAMESPACE/POD] [--config-dump FILE] [--root FILE] [--vault] [--json] [--insecure-skip-tls-verify] [--help]

[ -n "${BASH_VERSION:-}" ] || {
  printf '%s: error: it is for Bash: bash %s\n' "$0" "$0" >&2
  exit 2
}

# What the caller's shell exports must not change what this script does: the modes and functions of Bash, and settings of the programs that it calls.
set +o posix +o allexport +o noglob +o noclobber +o keyword +o verbose
shopt -u extdebug failglob lastpipe nocasematch nullglob xpg_echo
for name in $(compgen -A function); do unset -f "$name"; done
# A variable of this script that is exported already would hand its value, e.g. a key, to every program. Programs read lower case names for proxies only.
for name in $(compgen -e); do
  case $name in
    *_proxy) ;;
    [abcdefghijklmnopqrstuvwxyz]*) unset "$name" ;;
  esac
done
export -n SHELLOPTS BASHOPTS
unset name BASH_COMPAT BASH_ENV CDPATH ENV GLOBIGNORE POSIXLY_CORRECT GREP_COLOR GREP_COLORS GREP_OPTIONS OPENSSL_CONF
unset VAULT_DETAILED VAULT_FORMAT VAULT_MFA VAULT_WRAP_TTL BAO_DETAILED BAO_FORMAT BAO_MFA BAO_WRAP_TTL KUBECTL_KYAML

readonly about='Checks that Vault signs the mesh of cluster cluster-1, and that what runs there is what was planned. It changes nothing.'
readonly context=cluster-1
readonly cluster_id=cluster-1
readonly trust_domain=cluster.local
readonly config_root=''
readonly also_trust=''
readonly vault_server=https://vault.example.com:8200
readonly vault_namespace=''
readonly sign_path=istioca-cluster-1/sign/cluster-1
readonly role_namespaces=''
readonly jwt_mount=jwt-cluster-1
readonly jwt_role=auth/jwt-cluster-1/role/cert-manager
readonly login_account='istio-system vault-issuer'
readonly issuer_kind=Issuer
readonly issuer_resource=issuers.cert-manager.io
readonly issuer_name=vault-issuer
readonly issuer_namespace=istio-system
readonly csr=cert-manager-istio-csr
readonly csr_release=cert-manager-istio-csr
readonly csr_namespace=cert-manager
readonly csr_args='{"--log-level":["1"],"--log-format":["text"],"--metrics-port":["9402"],"--readiness-probe-port":["6060"],"--readiness-probe-path":["/readyz"],"--certificate-namespace":["istio-system"],"--issuer-enabled":["true"],"--issuer-name":["vault-issuer"],"--issuer-kind":["Issuer"],"--issuer-group":["cert-manager.io"],"--preserve-certificate-requests":["false"],"--certificate-request-additional-annotations":[],"--root-ca-file":["/var/run/secrets/istio-csr/ca.cert.pem"],"--serving-certificate-dns-names":["cert-manager-istio-csr.cert-manager.svc"],"--serving-certificate-duration":["1h"],"--trust-domain":["cluster.local"],"--cluster-id":["cluster-1"],"--max-client-certificate-duration":["1h"],"--serving-certificate-key-size":["2048"],"--serving-signature-algorithm":["RSA"],"--enable-client-cert-authenticator":["false"],"--ca-trusted-node-accounts":[],"--leader-election-namespace":["istio-system"],"--configmap-namespace-selector":[],"--disable-kubernetes-client-rate-limiter":["true"],"--serving-address":["0.0.0.0:6443"],"--runtime-issuance-config-map-name":[],"--runtime-issuance-config-map-namespace":["cert-manager"],"--istiod-cert-enabled":["false"],"--istiod-cert-name":["istiod-dynamic"],"--istiod-cert-key-algorithm":["RSA"],"--istiod-cert-namespace":["istio-system"],"--istiod-cert-duration":["1h"],"--istiod-cert-renew-before":["30m"],"--istiod-cert-key-size":["2048"],"--istiod-cert-additional-dns-names":[],"--istiod-cert-istio-revisions":["default"],"--istiod-cert-additional-annotations":[]}'
readonly csr_image=quay.io/jetstack/cert-manager-istio-csr:v0.17.0
readonly root_kind=Secret
readonly root_resource=secrets
readonly root_name=istio-root-ca
readonly root_data_key=ca.cert.pem
readonly root_file=root
readonly root_todo='apply manifests/2-istio-csr, or run setup.sh'
readonly other_root_todo='apply manifests/2-istio-csr, or delete the Secret and run setup.sh'
readonly bundle_target=''
readonly bundle_todo=''
readonly istio_namespace=istio-system
readonly istiod_names=istiod.istio-system.svc
readonly istiods='istiod istio istio-sidecar-injector merge control-plane.partial.yaml, as README.md says, section 5'
readonly ca_address=cert-manager-istio-csr.cert-manager.svc:443

# --- no secret and no control sequence on the screen -------------------------------------------------------------------------------

# Tracing prints the arguments of every command, and thereby secrets. `bash -x`, SHELLOPTS and BASH_ENV turn it on.
if [[ $- == *x* ]]; then
  { set +o xtrace; } 2>/dev/null
  printf 'note: tracing (bash -x) is turned off because it would print secrets\n' >&2
fi

# plain TEXT...: prints text from a server, a certificate, a file or an argument without what a terminal obeys: C0 controls except tab and
# line feed, DEL, C1 controls, and invisible Unicode characters, among them those that change the direction of writing. UTF-8 is matched byte
# by byte, because the locale of the terminal is not known.
plain() {
  local LC_ALL=C text=$*
  text=${text//[$'\001'-$'\010'$'\013'-$'\037'$'\177']/}
  if [[ $text == *[$'\200'-$'\377']* ]]; then
    # Replaced, not removed: what is left could join to another one.
    text=${text//$'\302'[$'\200'-$'\237'$'\255']/?} # U+0080 to U+009F, U+00AD
    text=${text//$'\330\234'/?} # U+061C
    text=${text//$'\342\200'[$'\213'-$'\217'$'\250'-$'\256']/?} # U+200B to U+200F, U+2028 to U+202E
    text=${text//$'\342\201'[$'\240'-$'\257']/?} # U+2060 to U+206F
    text=${text//$'\357\273\277'/?} # U+FEFF
  fi
  printf '%s\n' "$text"
}

# plain_lines: the same for each line of standard input.
plain_lines() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do plain "$line"; done
}

# with_plain_errors COMMAND...: runs a command whose error messages can hold what a server says.
with_plain_errors() {
  # Standard output goes around the filter, on descriptor 9.
  { "$@" 2>&1 >&9 9>&- | plain_lines >&2 9>&-; } 9>&1
}

# x509 ARGUMENT...: `openssl x509`. OpenSSL 3.0 reads all that the machine trusts first, which takes ten times as long as the rest; nothing here asks it
# what it trusts.
# shellcheck disable=SC2317 # a command that runs it may be an argument
x509() { SSL_CERT_FILE=/dev/null/none SSL_CERT_DIR=/dev/null/none openssl x509 "$@"; }

# verify_only ROOTS ARGUMENT...: runs `openssl verify`, which trusts the certificates of the file ROOTS and no others: neither those that the
# machine trusts nor those of the environment. OpenSSL 1.1.1 has no -no-CAstore, so the two variables close the default store. The signature of a
# trusted certificate that names itself as its issuer is checked too: by default OpenSSL does not.
verify_only() {
  local roots=$1
  shift
  SSL_CERT_FILE=/dev/null/none SSL_CERT_DIR=/dev/null/none openssl verify -check_ss_sig -no-CApath -CAfile "$roots" "$@"
}

# write_beside FILE: writes standard input to a file beside the config. The text is complete before it has the name. A user who can write to the
# folder cannot have it written elsewhere: the file is new and is opened once, and what has the name in the end must be that file. 1, and
# last_error says why.
write_beside() (
  if [[ -L $1 || -d $1 ]]; then
    printf '%s is a symbolic link or a directory: remove it\n' "$1" >"$work/error"
    exit 1
  fi
  new=./.mesh-ca.$(openssl rand -hex 8) || exit 1
  umask 022
  set -o noclobber
  { exec {file}>"$new"; } 2>>"$work/error" || exit 1
  set +o noclobber
  trap 'rm -f -- "$new"' EXIT
  trap 'exit 1' INT TERM HUP
  { cat >&"$file" && mv -f -- "$new" "$1"; } 2>"$work/error" || exit 1
  [[ ! -L $1 && $1 -ef /dev/fd/$file ]] || {
    printf 'somebody else replaced %s while it was written\n' "$1" >"$work/error"
    exit 1
  }
)

# --- several values of one answer -----------------------------------------------------------------------------------------------------

# pick [OPTION...] FILTER: sets `picked` to what a filter of jq gives of standard input: several values by one call, which takes a fiftieth of
# a second. jq ends each with a NUL, since what a server says may hold anything else; a NUL in a value is left out.
picked=()
pick() {
  local -a options=("${@:1:$#-1}")
  mapfile -d '' -t picked < <(jq -j "${options[@]}" "${!#}"' | tostring | split("\u0000") | join("") + "\u0000"')
  wait "$!"
}

# --- how strong a CA certificate is -----------------------------------------------------------------------------------------------------

# weakness: prints why the CA certificate of standard input is too weak to trust, in words that follow its name; nothing where it is strong
# enough. Names are left out of what OpenSSL prints, so that none can imitate the lines that are read here.
weakness() {
  local text line algorithm='' bits=0 curve='' signature='' hash='' usage='' in_usage='' why=''
  text=$(x509 -noout -text -certopt no_issuer,no_subject,no_serial,no_validity,no_extensions,no_aux,no_sigdump -ext keyUsage 2>/dev/null)
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"} line=${line%"${line##*[![:space:]]}"}
    case $line in
      'Signature Algorithm: '*) signature=${line#*: } ;;
      'Hash Algorithm: '*) hash=${line#*: } ;;
      'Public Key Algorithm: '*) algorithm=${line#*: } ;;
      *'Public-Key: ('*) bits=${line#*(} bits=${bits%% *} ;;
      'ASN1 OID: '*) curve=${line#*: } ;;
      'X509v3 Key Usage:'*) in_usage=yes ;;
      *) [[ $in_usage != yes ]] || usage=$line in_usage=read ;;
    esac
  done <<<"$text"
  case $algorithm in
    rsaEncryption | rsassaPss) [[ $bits =~ ^[0-9]+$ ]] && ((bits >= 2048)) || why="has an RSA key of $bits bits; use at least 2048 bits" ;;
    id-ecPublicKey)
      [[ $curve =~ ^(prime256v1|secp384r1|secp521r1)$ ]] || why="has a key on the curve ${curve:-without a name}; use P-256, P-384 or P-521"
      ;;
    ED25519) ;;
    *) why="has a key of type ${algorithm:-unknown}; use RSA with at least 2048 bits, or P-256, P-384 or P-521" ;;
  esac
  [[ $signature != rsassaPss ]] || signature+=" and ${hash:-sha1}"
  if [[ -n $why ]]; then
    :
  elif [[ ! $signature =~ ^(sha(256|384|512)WithRSAEncryption|ecdsa-with-SHA(256|384|512)|ED25519|rsassaPss\ and\ sha(256|384|512))$ ]]; then
    why="is signed with ${signature:-an unknown algorithm}; use SHA-256, SHA-384 or SHA-512"
  elif [[ $in_usage == read && $usage != *'Certificate Sign'* ]]; then
    why='has a key usage without keyCertSign, so it must not sign certificates; use a CA certificate that has it'
  fi
  printf '%s' "$why"
}

# --- TLS: Vault comes to trust keys that it is told of, so the servers on both sides must be the right ones -----------------------------

# whether --insecure-skip-tls-verify was given.
insecure_tls=false

# preferences in ~/.kube/kuberc could add --insecure-skip-tls-verify to any call of kubectl.
export KUBERC=off

# is_true VALUE: as Go's strconv.ParseBool, by which Vault's CLI reads a variable.
is_true() { [[ $1 =~ ^(1|t|T|TRUE|true|True)$ ]]; }

# is_plain_http ADDRESS: whether it is HTTP without TLS to another machine.
is_plain_http() {
  local address=${1,,}
  [[ $address == http://* && ! $address =~ ^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])([:/]|$) ]]
}

# unverified_tls: prints each connection whose other end would not be checked, one a line.
unverified_tls() {
  local name answer api skips
  for name in VAULT_SKIP_VERIFY BAO_SKIP_VERIFY; do
    ! is_true "${!name:-}" ||
      printf '%s is "%s", so nothing checks the certificate of Vault: unset it, and name the CA in VAULT_CACERT or vault.caBundle\n' "$name" "${!name}"
  done
  local vault=${VAULT_AGENT_ADDR:-${BAO_ADDR:-${VAULT_ADDR:-${server:-}}}}
  ! is_plain_http "$vault" ||
    printf 'Vault is reached without TLS at %s: use an https address\n' "$vault"
  [[ -n ${context:-} && -n $(type -P kubectl) && -n $(type -P jq) ]] || return 0
  # where there is no such context, the first call says so.
  answer=$(kubectl --context "$context" config view --minify -o json 2>/dev/null) || return 0
  { IFS= read -r skips && IFS= read -r api; } < <(jq -r '.clusters[0].cluster | .["insecure-skip-tls-verify"] // false, .server // ""' <<<"$answer") || return 0
  [[ $skips != true ]] ||
    printf 'context %s of the kubeconfig has insecure-skip-tls-verify, so nothing checks the certificate of the API server: remove it, and add certificate-authority\n' "$context"
  ! is_plain_http "$api" ||
    printf 'context %s of the kubeconfig reaches the API server without TLS: write its server with https\n' "$context"
}

# tls_verdict: prints what is wrong; 1 where that ends the script. An option lets it pass.
tls_verdict() {
  local found
  found=$(unverified_tls) || return 1
  [[ -n $found ]] || return 0
  if [[ $insecure_tls == true ]]; then
    plain "$0: WARNING: --insecure-skip-tls-verify: an attacker on the network can read your token and change what Vault trusts"
  else
    plain "$0: error: TLS is not verified, and nothing was changed: an attacker on the network could read your token and change what Vault trusts. To continue anyway, pass --insecure-skip-tls-verify"
  fi
  plain "  - ${found//$'\n'/$'\n  - '}"
  [[ $insecure_tls == true ]]
}

# --- public keys of a cluster -------------------------------------------------------------------------------------------------------

# public_keys: prints the keys that the API server signs tokens of service accounts with, as PEM, sorted, an empty line between two.
public_keys() {
  local jwks
  jwks=$(kube get --raw /openid/v1/jwks) || return 1
  # its numbers are base64 without what an address takes amiss.
  pick '.keys | sort_by(.kid)[] | "\(.kty) \(.crv // "")",
    (.n, .e, .x, .y | . // "" | gsub("-"; "+") | gsub("_"; "/") | . + "==="[:(4 - length % 4) % 4])' <<<"$jwks" || return 1
  set -- "${picked[@]}"
  while (($# > 0)); do
    public_key "${@:1:5}" || return 1
    printf '\n'
    shift 5
  done
}

# public_key KIND N E X Y: prints the key of a JWK as PEM. A JWK is numbers; OpenSSL makes the key of them.
public_key() {
  local curve
  case $1 in
    'RSA ')
      printf '%s\n' asn1=SEQUENCE:key '[key]' alg=SEQUENCE:alg key=BITWRAP,SEQUENCE:rsa '[alg]' oid=OID:rsaEncryption null=NULL \
        '[rsa]' "n=INTEGER:0x$(hex "$2")" "e=INTEGER:0x$(hex "$3")"
      ;;
    'EC P-'*)
      case ${1#EC } in
        P-256) curve=prime256v1 ;;
        P-384) curve=secp384r1 ;;
        P-521) curve=secp521r1 ;;
        *) return 1 ;;
      esac
      printf '%s\n' asn1=SEQUENCE:key '[key]' alg=SEQUENCE:alg "key=FORMAT:HEX,BITSTRING:04$(hex "$4")$(hex "$5")" \
        '[alg]' oid=OID:id-ecPublicKey "curve=OID:$curve"
      ;;
    *) return 1 ;;
  esac >"$work/key.cnf"
  openssl asn1parse -genconf "$work/key.cnf" -noout -out "$work/key.der" 2>/dev/null && openssl pkey -pubin -inform DER -in "$work/key.der" -pubout
}

# hex BASE64: prints it as hexadecimal digits.
hex() { printf '%s' "$1" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n'; }

# ---------------------------------------------------------------------------------------------------------------------------------
# From here on the text is the same in every verify script. It only reads: the cluster, istioctl's answer, and the root certificate.
# ---------------------------------------------------------------------------------------------------------------------------------

set -o errexit -o nounset -o pipefail
umask 077
export LC_ALL=C

usage() { plain "$(usage_text)"; }
usage_text() {
  printf 'usage: bash %s [--workload NAMESPACE/POD] [--config-dump FILE] [--root FILE] [--vault] [--json] [--insecure-skip-tls-verify] [--help]\n\n%s\n\n' "$0" "$about"
  printf '  --workload NAMESPACE/POD  also check the certificates of this pod, as istioctl reads them\n'
  printf '  --config-dump FILE        istioctl reads them from this Envoy config dump instead of the pod\n'
  printf '  --root FILE               the root certificate, PEM (default: that of the config, else ./root.pem)\n'
  printf '  --vault                   also ask Vault, with your token (VAULT_TOKEN, or the login of its CLI), for the keys that it trusts and the account that may log in\n'
  printf '  --json                    print one JSON object a check\n'
  printf '  --insecure-skip-tls-verify  go on although VAULT_SKIP_VERIFY or the kubeconfig turns the verification of TLS off; unsafe\n'
  printf '  --help                    print this\n\n'
  printf 'It ends with 0 where every check is ok, 1 where one failed, 3 where none failed but one could not be made, 2 for bad usage.\n'
}
bad_usage() {
  printf '%s\n\n' "$(shown "$0: error: $1")" >&2
  usage >&2
  exit 2
}
# what the cluster says is data: no control character of it reaches the terminal, and no line gets endless.
shown() {
  local text=${1//[[:cntrl:]]/ }
  # cut first: half a character is replaced too.
  text=$(plain "${text:0:600}")
  printf '%s' "$text"
}

# --- results ---------------------------------------------------------------------------------------------------------------------

check=''
count_ok=0
count_failed=0
count_unknown=0

ok() {
  count_ok=$((count_ok + 1))
  result ok '32' "$1" ''
}
# fail WHAT TODO
fail() {
  count_failed=$((count_failed + 1))
  result FAIL '31' "$1" "$2"
}
# unknown WHY: not checked is not passed.
unknown() {
  count_unknown=$((count_unknown + 1))
  result unknown '33' "$1" ''
}
result() {
  local message todo
  check=$(shown "$check")
  message=$(shown "$3")
  todo=$(shown "$4")
  if [[ $format == json ]]; then
    jq --null-input --compact-output --arg check "$check" --arg status "$1" --arg message "$message" --arg todo "$todo" \
      '{check: $check, status: ($status | ascii_downcase), message: $message} + if $todo == "" then {} else {todo: $todo} end'
    return
  fi
  local word
  printf -v word '%-7s' "$1"
  if [[ $colour == yes ]]; then word=$'\e['"$2m$word"$'\e[0m'; fi
  printf '%s %s: %s%s\n' "$word" "$check" "$message" "${todo:+ ($todo)}"
}

# --- the cluster -----------------------------------------------------------------------------------------------------------------

kube() { kubectl --context "$context" --request-timeout=20s "$@" 2>"$tmp/errors"; }

# the last line that a program complained with.
reason() {
  local line last=''
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ $line == *[![:space:]]* ]]; then last=$line; fi
  done <"$tmp/errors"
  printf '%s' "${last:-no reason given}"
}

# asked once: a cluster that can't be reached would be waited for by each check anew.
no_answer=''
ask_cluster() {
  if ! kube get --raw /version >"$tmp/version" && ! grep --quiet --ignore-case forbidden "$tmp/errors"; then
    no_answer="kubectl gets no answer: $(reason)"
  fi
}

# what is asked of the answers. Several values stand one a line; a value of the plan comes as `$ARGS.named`.
read -r -d '' questions <<'JQ' || true
def line: tostring | gsub("[[:cntrl:]]"; " ");
def condition($type): .status.conditions // [] | map(select(.type == $type)) | last // {};
def ready: condition("Ready");
def container($name): .spec.template.spec.containers | (map(select(.name == $name)) + .)[0];
def issuer:
  ready as $ready
  | $ready.status // "missing", $ready.reason // "", $ready.message // "", .spec.vault.path // "", .spec.vault.server // "", .spec.vault.namespace // "",
    (($ready.observedGeneration // .metadata.generation) == .metadata.generation)
  | line;
def replicas: .spec.replicas // 1, .status.availableReplicas // 0 | line;
def pods:
  [.items[] | select(.metadata.deletionTimestamp == null)]
  | "\([.[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length) \(length)";
# a flag stands as --flag=value or as two words; one that takes a list may also stand more than once.
def given($args; $flag):
  [range($args | length) as $i | $args[$i]
    | if startswith($flag + "=") then .[($flag | length) + 1:] elif . == $flag then $args[$i + 1] // "" else empty end
    | split(",")[] | gsub("^\\s+|\\s+$"; "") | select(. != "")] | unique;
def words: if . == [] then "not set" else map(tojson) | join(", ") end;
def wrong_arguments:
  (container($ARGS.named.container).args // []) as $args
  | ($ARGS.named.wanted | to_entries[] | given($args; .key) as $given | select($given != (.value | unique))
      | "\(.key) is \($given | words), the plan says \(.value | words)"),
    # a flag that the chart does not write for these values.
    ([$args[] | select(startswith("-")) | split("=")[0]] - ($ARGS.named.wanted | keys) | unique[] | . as $flag
      | "\($flag) is \(given($args; $flag) | words), and the plan does not set it")
  | line;
# the command stands in the image; a digest that somebody adds to the planned tag names the same image.
def wrong_image:
  container($ARGS.named.container)
  | (.image // "" | select(. != $ARGS.named.image and (startswith($ARGS.named.image + "@sha256:") | not)) | "the image is \(tojson), the plan says \($ARGS.named.image | tojson)" | line),
    (.command // [] | select(. != []) | "its command is \(join(" ") | tojson), the plan sets none" | line);
def wrong_volume:
  if any(.spec.template.spec.volumes[]?; (if $ARGS.named.kind == "Secret" then .secret.secretName else .configMap.name end) == $ARGS.named.root)
  then empty else "none of its volumes is \($ARGS.named.kind) \($ARGS.named.root), which brings the root" end;
def pem($key): .data[$key] // "" | @base64d;
def root_file: if .kind == "Secret" then pem($ARGS.named.key) else .data[$ARGS.named.key] // "" end;
def bundle:
  condition("Synced") as $synced
  | $synced.status // "missing", $synced.reason // "", $synced.message // "",
    (($synced.observedGeneration // .metadata.generation) == .metadata.generation), .spec.target == $ARGS.named.target
  | line;
def certificate: ready as $ready | $ready.status // "missing", "\($ready.reason // "") \($ready.message // "")", .spec.issuerRef.name // "", .spec.issuerRef.kind // "Issuer" | line;
# what became of the last request of a Certificate that cert-manager has looked at, where it is not signed.
def unsigned:
  [.items[] | select(.metadata.annotations["cert-manager.io/certificate-name"] == $ARGS.named.name and ready != {})]
  | max_by(.metadata.creationTimestamp) // empty
  | .metadata.name as $name | ready | select(.status != "True") | "\($name) is not signed, \(.reason // "") \(.message // "")" | line;
def variable:
  (container("discovery").env // [] | map(select(.name == $ARGS.named.variable)) | last // {})
  | if .valueFrom != null then "elsewhere", "" elif (.value // "") == "" then "unset", "" else "set", .value end | line;
def mesh: if .data.mesh == null then "missing" else "mesh", .data.mesh end;
def injected(f): .data.values // "" | try (fromjson | f | line) catch "unreadable";
def ca_address: .global.caAddress // "";
def cluster_id: .global.multiCluster.clusterName // "" | if . == "" then "Kubernetes" else . end;
def account: .spec.serviceAccountName // "default" | line;
def secret($name): [.dynamicActiveSecrets[]? | select(.name == $name) | .secret][0];
def workload:
  "chain", (secret("default").tlsCertificate.certificateChain.inlineBytes // "" | @base64d),
  "trusted", (secret("ROOTCA").validationContext.trustedCa.inlineBytes // "" | @base64d);
JQ

# fetch KIND NAME NAMESPACE QUESTION [JQ-OPTION...]: sets `got` to the answer. 1: it is not there. 2: it can't be
# asked for, `why` says why. The object goes straight into jq, so that a Secret's key is never kept, and jq may not quote it either.
fetch() {
  local kind=$1 name=$2 namespace=$3 question=$4 out
  shift 4
  why=$no_answer
  if [[ -n $why ]]; then return 2; fi
  if ! out=$(kube get "$kind" "$name" ${namespace:+--namespace "$namespace"} --ignore-not-found --output json |
    jq --raw-output "$@" "$questions \"found\", ($question)" 2>/dev/null); then
    why="kubectl get $kind $name: $(reason)"
    return 2
  fi
  if [[ -z $out ]]; then return 1; fi
  got=${out#found}
  got=${got#$'\n'}
}

# ask_list KIND NAMESPACE SELECTOR QUESTION [JQ-OPTION...]: sets `got` to the answer; 1, and `why`, where it can't be asked for.
ask_list() {
  local kind=$1 namespace=$2 selector=$3 question=$4
  shift 4
  why=$no_answer
  if [[ -n $why ]]; then return 1; fi
  if ! got=$(kube get "$kind" --namespace "$namespace" ${selector:+--selector "$selector"} --output json |
    jq --raw-output "$@" "$questions ${approval_questions:-} ${admission_questions:-} $question" 2>/dev/null); then
    why="kubectl get $kind: $(reason)"
    return 1
  fi
}

# need TODO KIND NAME NAMESPACE QUESTION [JQ-OPTION...]: fetch, where the object must be there; says itself where it isn't.
need() {
  local todo=$1 rc=0
  shift
  fetch "$@" || rc=$?
  case $rc in
    0) return 0 ;;
    1) fail "there is no $1 $2${3:+ in namespace $3}" "$todo" ;;
    *) unknown "$why" ;;
  esac
  return 1
}

# --- certificates ----------------------------------------------------------------------------------------------------------------

# lay_out NAME TEXT: lays the certificates of a PEM text into $tmp/NAME as 1.pem, 2.pem, …, by each name that OpenSSL and Envoy know for
# one; anything else in it, such as a key, is left out. Sets `blocks` to their number. 1, and `why`: there is none, or one is damaged.
lay_out() {
  local i
  rm -rf -- "${tmp:?}/$1"
  mkdir -- "$tmp/$1"
  blocks=$(printf '%s\n' "$2" | folder="$tmp/$1" awk '
    /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----/ { n++; inside = 1 }
    inside { print > (ENVIRON["folder"] "/" n ".pem") }
    /-----END (X509 |TRUSTED )?CERTIFICATE-----/ { inside = 0 }
    END { print n + 0 }')
  why='it holds no certificate'
  if ((blocks == 0)); then return 1; fi
  for ((i = 1; i <= blocks; i++)); do
    why="its certificate $i cannot be read"
    laid_out "$1/$i" -subject >/dev/null || return 1
  done
}

# laid_out NAME/I OPTION...: what OpenSSL says of a certificate that was laid out.
laid_out() {
  local file=$tmp/$1.pem
  shift
  x509 -in "$file" -noout -nameopt RFC2253 "$@" 2>/dev/null
}
fingerprint() {
  local print
  print=$(laid_out "$1" -fingerprint -sha256)
  printf '%s' "${print#*=}"
}
subject() {
  local subject
  subject=$(laid_out "$1" -subject)
  subject=${subject#subject=}
  printf '%s' "${subject:-(no subject)}"
}
ends() {
  local end
  end=$(laid_out "$1" -enddate)
  printf '%s' "${end#notAfter=}"
}
# described NAME/I: in plain words, with the fingerprint.
described() {
  local issuer
  issuer=$(laid_out "$1" -issuer)
  issuer=${issuer#issuer=}
  if [[ $issuer == "$(subject "$1")" ]]; then printf '%s, a root' "$issuer"; else printf '%s, an intermediate below %s' "$(subject "$1")" "$issuer"; fi
  printf ', SHA-256 %s' "$(fingerprint "$1")"
}
# names NAME/I: its subject alternative names, one a line, e.g. DNS:istiod.istio-system.svc.
names() {
  local text
  text=$(laid_out "$1" -ext subjectAltName | sed -n '2,$ { s/^ *//; p; }')
  printf '%s\n' "${text//, /$'\n'}"
}
# has LINE TEXT: whether the line is one of the text.
has() { [[ $'\n'$2$'\n' == *$'\n'"$1"$'\n'* ]]; }

# verified NAME: whether the chain laid out there, leaf first, ends in the root; `why` says why not. Nothing else is trusted, not even what
# the machine trusts.
verified() {
  local i name=$1
  local -a above=()
  : >"$tmp/rest.pem"
  for ((i = 2; i <= blocks; i++)); do cat "$tmp/$name/$i.pem" >>"$tmp/rest.pem"; done
  if ((blocks > 1)); then above=(-untrusted "$tmp/rest.pem"); fi
  if verify_only "$tmp/root.pem" "${above[@]}" "$tmp/$name/1.pem" >"$tmp/verify" 2>&1; then return 0; fi
  why=$(sed -n '/ depth lookup:/ { s/^.*error [0-9]* at \([0-9]*\) depth lookup: *\(.*\)$/\2, at depth \1/; p; q; }' "$tmp/verify")
  why=${why:-OpenSSL refuses it}
  return 1
}

# fingerprints NAME: one a line.
fingerprints() {
  local i
  for ((i = 1; i <= blocks; i++)); do printf '%s\n' "$(fingerprint "$1/$i")"; done
}

# compare_with_root WHAT TEXT TODO: the text must hold the root, or both where the plan names two, and nothing else: whatever else stands
# in a list of trusted CAs is trusted as much.
compare_with_root() {
  local what=$1 todo=$3 i print found='' held='' extra=''
  if [[ -z $root_prints ]]; then
    unknown "$no_root"
    return
  fi
  if ! lay_out other "$2"; then
    fail "$what: $why" "$todo"
    return
  fi
  for ((i = 1; i <= blocks; i++)); do
    print=$(fingerprint "other/$i")
    found+=$print$'\n'
    held+="${held:+; }$(described "other/$i")"
    if ! has "$print" "$root_prints"; then extra+="${extra:+; }$(described "other/$i")"; fi
  done
  i=0
  while IFS= read -r print; do
    i=$((i + 1))
    if has "$print" "$found"; then continue; fi
    if [[ $root_file == intermediate ]]; then todo="mesh-ca.yaml says istioCsr.rootFile: intermediate, as the guide does; write root"; fi
    fail "$what is not the root $(subject "root/$i"), SHA-256 $print: it is $held" "$todo"
    return
  done <<<"$root_prints"
  if [[ -n $extra ]]; then
    fail "$what holds the root and more, which is trusted as much: $extra" "remove it, or, in a rotation, name it in root.alsoTrust; $todo"
    return
  fi
  ok "$what is the root, SHA-256 ${root_prints//$'\n'/ and }"
}

# --- the checks ------------------------------------------------------------------------------------------------------------------

root_prints=''
no_root='the root is not known: name it with --root FILE'

check_root() {
  check='root'
  local text=$config_root source='of the config' given=''
  if [[ -n $root_option ]]; then given=$(<"$root_option"); fi
  if [[ -z $text && -n $given ]]; then
    text=$given source="of $root_option"
  elif [[ -z $text && -r ./root.pem ]]; then
    text=$(<./root.pem) source='of ./root.pem'
  elif [[ -z $text && -z $root_option ]]; then
    unknown 'neither the config nor ./root.pem nor --root names it, so nothing can be compared with it'
    return
  fi
  [[ -z $also_trust ]] || text+=$'\n'$also_trust source+=', and root.alsoTrust'
  if ! lay_out root "$text"; then
    fail "the root $source: $why" 'give the PEM file of the root certificate'
    return
  fi
  local i weak
  for ((i = 1; i <= blocks; i++)); do cat "$tmp/root/$i.pem"; done >"$tmp/root.pem"
  root_prints=$(fingerprints root)
  local roots=$blocks
  blocks=1
  for ((i = 1; i <= roots; i++)); do
    mkdir -p "$tmp/one"
    cp "$tmp/root/$i.pem" "$tmp/one/1.pem"
    weak=$(weakness <"$tmp/one/1.pem")
    if [[ -n $weak ]]; then
      fail "the root $source, $(described one/1), $weak" 'replace it: see "Another root" in the runbook'
      return
    fi
    if verified one; then continue; fi
    fail "the root $source is not fit to end a chain: $why, $(described "one/1")" 'give the PEM file of the root certificate, self-signed and in date'
    return
  done
  if [[ -n $config_root && -n $root_option ]]; then
    if ! lay_out given "$given"; then
      fail "the root of $root_option: $why" 'give the PEM file of the root certificate'
      return
    fi
    if fingerprints given | grep -vxF -- "$root_prints" >/dev/null; then
      fail "the root of $root_option is $(described given/1), that of the config has SHA-256 ${root_prints//$'\n'/ and }" 'find out which one is right; the config is used'
      return
    fi
  fi
  ok "$(subject root/1) $source, ends $(ends root/1), SHA-256 ${root_prints//$'\n'/ and }"
}

readonly set_up_again='run setup.sh again: it puts right what differs in Vault, then its trial names what Vault refuses'

check_issuer() {
  check='issuer'
  need 'apply manifests/1-issuer' "$issuer_resource" "$issuer_name" "$issuer_namespace" issuer || return 0
  local status cause message path server within seen
  { read -r status && read -r cause && read -r message && read -r path && read -r server && read -r within && read -r seen; } <<<"$got" || true
  if [[ $within != "$vault_namespace" ]]; then
    fail "it asks in namespace \"$within\" of Vault, the plan says \"$vault_namespace\"" 'apply manifests/1-issuer'
  elif [[ $path != "$sign_path" || $server != "$vault_server" ]]; then
    fail "it signs at \"$path\" of \"$server\", the plan says \"$sign_path\" of \"$vault_server\"" 'apply manifests/1-issuer'
  elif [[ $seen != true ]]; then
    fail 'cert-manager has not looked at its last change yet' 'wait; is cert-manager running?'
  elif [[ $status == True && $cause == VaultVerified ]]; then
    ok "$issuer_name is Ready, $message (it proves a login at some time, not that Vault signs now)"
  elif [[ $message == *serviceaccount/uid* ]]; then
    fail "$issuer_name: Ready is $status, $cause $message" 'the service account was made anew, and the login is bound to the UID of the old one: run setup.sh'
  else
    fail "$issuer_name: Ready is $status, $cause $message" "$set_up_again"
  fi
}

check_csr() {
  check='istio-csr'
  local todo="helm upgrade --install $csr_release with istio-csr.values.yml, then look at its log"
  need "$todo" deployments.apps "$csr" "$csr_namespace" replicas || return 0
  local wanted available
  { read -r wanted && read -r available; } <<<"$got" || true
  local pods
  # a list is not asked for by name, and is never "not there".
  if ! pods=$(kube get pods --namespace "$csr_namespace" --selector "app=$csr" --output json | jq --raw-output "$questions pods" 2>/dev/null); then
    unknown "kubectl get pods of $csr: $(reason)"
    return
  fi
  local ready=${pods% *} all=${pods#* }
  # the shell's arithmetic would run what a server writes there.
  if ! [[ "$wanted $available $ready $all" =~ ^[0-9]+\ [0-9]+\ [0-9]+\ [0-9]+$ ]]; then
    unknown "the replicas of $csr are no numbers"
    return
  fi
  if ((wanted > 0 && available == wanted && ready == all && ready >= wanted)); then
    ok "$available of $wanted replicas available, $ready pods ready"
  else
    fail "$available of $wanted replicas available, $ready of $all pods ready" "$todo"
  fi
}

check_csr_args() {
  check='istio-csr arguments'
  local todo="helm upgrade $csr_release with istio-csr.values.yml"
  need "$todo" deployments.apps "$csr" "$csr_namespace" 'wrong_arguments, wrong_image, wrong_volume' --arg container "$csr" --argjson wanted "$csr_args" \
    --arg image "$csr_image" --arg kind "$root_kind" --arg root "$root_name" || return 0
  if [[ -n $got ]]; then
    fail "${got//$'\n'/; }" "$todo"
  else
    ok "all flags as planned, image $csr_image"
  fi
}

# check_bundle: Synced says nothing of whether a namespace was found to write into; the next check does.
check_bundle() {
  check='root bundle'
  need 'apply manifests/2-istio-csr' bundles.trust.cert-manager.io "$root_name" '' bundle --argjson target "$bundle_target" || return 0
  local status cause message seen planned
  { read -r status && read -r cause && read -r message && read -r seen && read -r planned; } <<<"$got" || true
  if [[ $planned != true ]]; then
    fail "its target is not key $root_data_key of a ConfigMap in namespace $csr_namespace alone" 'apply manifests/2-istio-csr'
  elif [[ $status == missing || $seen != true ]]; then
    fail 'trust-manager has not looked at its last change yet' 'wait; is trust-manager running?'
  elif [[ $status == True ]]; then
    ok "$root_name is Synced"
  else
    fail "$root_name: Synced is $status, $cause $message" "$bundle_todo"
  fi
}

check_csr_root() {
  check='istio-csr root file'
  need "$root_todo" "$root_resource" "$root_name" "$csr_namespace" root_file --arg key "$root_data_key" || return 0
  compare_with_root "$root_data_key of $root_kind $root_name" "$got" "$other_root_todo"
}

check_istiod_certificate() {
  check='istiod certificate'
  local name rc=1
  # from chart 0.12 on istio-csr can make it by itself, by another name.
  for name in istiod istiod-dynamic; do
    rc=0
    fetch certificates.cert-manager.io "$name" "$istio_namespace" certificate || rc=$?
    if ((rc != 1)); then break; fi
  done
  if ((rc == 2)); then
    unknown "$why"
  elif ((rc == 1)); then
    fail "there is no Certificate istiod, nor istiod-dynamic, in namespace $istio_namespace" "helm upgrade --install $csr_release with istio-csr.values.yml"
  else
    local status message ref kind
    { read -r status && read -r message && read -r ref && read -r kind; } <<<"$got" || true
    # Ready means that the certificate is there: it stays True to the end of it, however often its renewal is refused.
    rc=0
    ask_list certificaterequests.cert-manager.io "$istio_namespace" '' unsigned --arg name "$name" || rc=$?
    if [[ $ref != "$issuer_name" ]]; then
      fail "$name asks the issuer \"$ref\", the plan says \"$issuer_name\"" "helm upgrade $csr_release with istio-csr.values.yml"
    elif [[ $kind != "$issuer_kind" ]]; then
      fail "$name asks the $kind of that name, the plan says the $issuer_kind" "helm upgrade $csr_release with istio-csr.values.yml"
    elif [[ -n $got ]]; then
      fail "$name: request $got" "where Vault refuses it, $set_up_again"
    elif [[ $status != True ]]; then
      fail "$name: Ready is $status, $message" "look at: kubectl --context $context describe certificaterequests --namespace $istio_namespace"
    elif ((rc != 0)); then
      unknown "$why"
    else
      ok "$name is Ready"
    fi
  fi
}

check_istiod_tls() {
  check='istiod-tls'
  local todo="look at: kubectl --context $context describe certificate --namespace $istio_namespace"
  need "$todo" secrets istiod-tls "$istio_namespace" 'pem("tls.crt")' || return 0
  if ! lay_out chain "$got"; then
    fail "tls.crt: $why" "$todo"
    return
  fi
  local name given
  given=$(names chain/1)
  for name in $istiod_names; do
    if has "DNS:$name" "$given"; then continue; fi
    fail "its certificate is for ${given//$'\n'/, }, not for DNS:$name" "helm upgrade $csr_release with istio-csr.values.yml"
    return
  done
  report_chain "for ${istiod_names// /, }" "$todo"
}

# report_chain NAMES TODO: of the chain that is laid out.
report_chain() {
  if [[ -z $root_prints ]]; then
    unknown "$no_root"
  elif verified chain; then
    ok "$1, $blocks certificates, the chain ends in the root; valid until $(ends chain/1)"
  else
    fail "$1, the chain does not end in the root: $why; the certificate ends $(ends chain/1)" "$2"
  fi
}

# check_root_map NAMESPACE
check_root_map() {
  check="istio-ca-root-cert in $1"
  local todo='istio-csr writes it: look at its log; does istiod still write it (ENABLE_CA_SERVER)?'
  need "$todo" configmaps istio-ca-root-cert "$1" '.data["root-cert.pem"] // ""' || return 0
  compare_with_root 'root-cert.pem' "$got" "$todo"
}

# check_env CHECK VARIABLE WANTED DEFAULT: an environment variable of istiod. Of two with the same name Kubernetes takes the last.
check_env() {
  check=$1$of
  need "$installed" deployments.apps "$istiod" "$istio_namespace" variable --arg variable "$2" || return 0
  local state value=''
  { read -r state && IFS= read -r value; } <<<"$got" || true
  if [[ $state == elsewhere ]]; then
    unknown "$2 of $istiod is taken from another object, which is not read"
  elif [[ $state == unset && $4 == "$3" ]]; then
    ok "$2 of $istiod is not set, which means \"$4\""
  elif [[ $state == unset ]]; then
    fail "$2 of $istiod is not set, which means \"$4\", the plan says \"$3\"" "$control_plane_todo"
  elif [[ $value == "$3" ]]; then
    ok "$2 of $istiod is \"$3\""
  else
    fail "$2 of $istiod is \"$value\", the plan says \"$3\"" "$control_plane_todo"
  fi
}

# trust_domain_of: reads the mesh config on standard input and prints `value X`, `unset`, or `unclear` where it takes a YAML program to be
# sure. Keys of the top level stand at the first key's depth; lists, comments and all that lies deeper are passed over.
trust_domain_of() {
  awk '
    { sub(/\r$/, "") }
    /^[ \t]*(#|$)/ { next }
    /^---[ \t]*$/ && !seen { next }
    { match($0, /^ */); depth = RLENGTH; rest = substr($0, depth + 1) }
    !seen { top = depth; seen = 1 }
    depth < top || rest ~ /^\t/ { unclear = 1 }
    depth != top || rest ~ /^-([ \t]|$)/ { next }
    rest !~ /^([A-Za-z][A-Za-z0-9_]*|"[A-Za-z0-9_]*"|\047[A-Za-z0-9_]*\047)[ \t]*:([ \t]|$)/ { unclear = 1; next }
    rest ~ /^["\047]?trustDomain["\047]?[ \t]*:/ {
      count++
      value = rest
      sub(/^[^:]*:[ \t]*/, "", value)
      sub(/[ \t]+#.*$/, "", value)
      sub(/[ \t]+$/, "", value)
      if (value ~ /^"[^"\\]*"$/ || value ~ /^\047[^\047]*\047$/) value = substr(value, 2, length(value) - 2)
      else if (value !~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/) unclear = 1
    }
    END {
      if (unclear || count > 1) print "unclear"
      else if (count == 0) print "unset"
      else print "value " value
    }'
}

check_trust_domain() {
  check="trust domain$of"
  need "$installed" configmaps "$mesh_config_map" "$istio_namespace" mesh || return 0
  local found mesh=${got#mesh}
  if [[ $got == missing ]]; then
    unknown "ConfigMap $mesh_config_map has no key mesh"
    return
  fi
  if ! found=$(jq --exit-status --raw-output 'if (.trustDomain // "") == "" then "unset" else "value \(.trustDomain)" end' 2>/dev/null <<<"$mesh"); then
    found=$(trust_domain_of <<<"$mesh")
  fi
  if [[ $found == unset ]]; then found='value cluster.local'; fi
  if [[ $found == "value $trust_domain" ]]; then
    ok "the mesh config says \"$trust_domain\""
  elif [[ $found == value\ * ]]; then
    fail "the mesh config says \"${found#value }\", the plan says \"$trust_domain\"" "$control_plane_todo, or put trustDomain of mesh-ca.yaml right"
  else
    unknown "trustDomain cannot be read from ConfigMap $mesh_config_map without a YAML program"
  fi
}

# check_injected CHECK QUESTION WANTED: a value that the injector gives to every sidecar.
check_injected() {
  check=$1$of
  need "$installed" configmaps "$injector_config_map" "$istio_namespace" "injected($2)" || return 0
  if [[ $got == unreadable ]]; then
    unknown "values of ConfigMap $injector_config_map are no JSON"
  elif [[ $got == "$3" ]]; then
    ok "the injector says \"$3\""
  else
    fail "the injector says \"$got\", the plan says \"$3\"" "$control_plane_todo"
  fi
}

# check_istiods: each istiod, and what it gives to workloads; the one in use has the plain names of the checks, the canary after it its own.
of=''
installed='is the mesh installed?'
check_istiods() {
  while read -r istiod mesh_config_map injector_config_map control_plane_todo <&3; do
    # the one in use may be a mesh that was never installed; the canary comes by its file.
    [[ -z $of ]] || installed=$control_plane_todo
    check_env 'istiod cluster ID' CLUSTER_ID "$cluster_id" Kubernetes
    check_env 'istiod CA server' ENABLE_CA_SERVER false true
    check_trust_domain
    check_injected 'CA address' ca_address "$ca_address"
    check_injected 'sidecar cluster ID' cluster_id "$cluster_id"
    of=' of the canary'
  done 3<<<"$istiods"
}

# ask_workload: sets `chain` and `trusted`, as the sidecar holds them. 1, and `why`: istioctl can't tell. Its answer goes straight into jq:
# an old Envoy may have left a key in it.
chain=''
trusted=''
ask_workload() {
  local out source=("$pod.$namespace")
  if [[ -n $config_dump ]]; then source=(--file "$config_dump"); fi
  if ! out=$(istioctl --context "$context" proxy-config secret "${source[@]}" --output json 2>"$tmp/errors" |
    jq --raw-output "$questions workload" 2>/dev/null); then
    why="istioctl proxy-config secret: $(reason)"
    return 1
  fi
  trusted=${out##*$'\n'trusted}
  chain=${out%$'\n'trusted*}
}

check_workload() {
  local rc=0 account='' no_account='' want_namespace=${namespace:-'*'}
  if [[ -n $pod ]]; then
    fetch pods "$pod" "$namespace" account || rc=$?
    account=$got no_account="the cluster does not say which one: ${why:-}"
    if ((rc == 1)); then
      no_account="there is no pod $pod in namespace $namespace to compare it with"
      if [[ -z $config_dump ]]; then
        check='workload'
        fail "there is no pod $pod in namespace $namespace" 'name one with --workload NAMESPACE/POD'
        return
      fi
    fi
  fi
  local known=yes laid_out=no uri=''
  ask_workload || known=no
  local lost=$why todo='delete the pod, so that its sidecar asks anew; then look at the log of istio-csr'

  check='workload chain'
  if [[ $known == no ]]; then
    unknown "$lost"
  elif ! lay_out chain "$chain"; then
    fail "the sidecar's secret default: $why" "$todo"
  else
    laid_out=yes
    uri=$(names chain/1 | sed -n 's/^URI://p')
    report_chain 'leaf first' "$todo"
  fi

  check='workload name'
  if [[ $known == no ]]; then
    unknown "$lost"
  elif [[ $laid_out == no ]]; then
    unknown 'there is no certificate to read it from'
  elif name_fits "$uri"; then
    ok "$uri"
  else
    fail "it is \"$uri\", the plan says \"spiffe://$trust_domain/ns/$want_namespace/sa/*\"" 'compare trust domain and namespace with mesh-ca.yaml'
  fi

  if [[ -n $pod ]]; then
    check='workload service account'
    if [[ -z $uri ]]; then
      unknown 'there is no name to read it from'
    elif ((rc != 0)); then
      unknown "$no_account"
    elif [[ ${uri##*/sa/} == "$account" ]]; then
      ok "$account, as the pod's"
    else
      fail "it is \"${uri##*/sa/}\", the pod's is \"$account\"" 'is it the config dump of another pod?'
    fi
  fi

  check='workload ROOTCA'
  if [[ $known == no ]]; then
    unknown "$lost"
  else
    compare_with_root "the sidecar's ROOTCA" "$trusted" 'istio-csr gives its root file on renewal: put it right, then delete the pod'
  fi
}

# check_vault_keys: a key that Vault does not know ends the logins when the cluster begins to sign with it.
check_vault_keys() {
  check="Vault's keys"
  local config keys lacks extra all cli=${MESH_CA_CLI:-vault}
  if [[ -z $jwt_mount ]]; then
    ok 'cert-manager logs in without keys of the cluster, so there are none to compare'
    return
  fi
  if [[ -n $no_answer ]]; then
    unknown "$no_answer"
  elif ! keys=$(public_keys); then
    unknown "the API server does not give its keys (/openid/v1/jwks): $(reason)"
  elif ! config=$(VAULT_ADDR=${VAULT_ADDR:-$vault_server} "$cli" read -format=json "auth/$jwt_mount/config" 2>"$tmp/errors"); then
    unknown "$cli read auth/$jwt_mount/config: $(reason)"
  else
    # a key is compared as OpenSSL writes it, which is how setup.sh hands it over.
    read -r lacks extra all < <(jq -rn --arg keys "$keys" --argjson vault "$config" '
      def trimmed: map(gsub("\\s+$"; "") | select(. != ""));
      ($keys | split("\n\n") | trimmed) as $cluster | ($vault.data.jwt_validation_pubkeys // [] | trimmed) as $known
      | "\($cluster - $known | length) \($known - $cluster | length) \($cluster | length)"')
    if [[ $lacks != 0 ]]; then
      fail "Vault lacks $lacks of the $all keys that the cluster publishes" 'run setup.sh before the cluster signs with a new key'
    elif [[ $extra != 0 ]]; then
      fail "Vault trusts $extra keys that the cluster does not publish" 'run setup.sh, which takes them out'
    else
      ok "auth/$jwt_mount has the $all keys that the cluster publishes"
    fi
  fi
}

# check_vault_login: the login role takes tokens of the one service account whose UID it holds. One that was made anew, by a person or by a tool
# that applies Git, has another UID.
check_vault_login() {
  check="Vault's login"
  local role bound uid cli=${MESH_CA_CLI:-vault}
  if [[ -z $jwt_role ]]; then
    ok 'the login is not bound to the UID of a service account, so there is none to compare'
  elif ! role=$(VAULT_ADDR=${VAULT_ADDR:-$vault_server} "$cli" read -format=json "$jwt_role" 2>"$tmp/errors"); then
    unknown "$cli read $jwt_role: $(reason)"
  elif fetch serviceaccount "${login_account#* }" "${login_account% *}" '.metadata.uid'; then
    uid=$got
    bound=$(jq -r '.data.bound_claims["/kubernetes.io/serviceaccount/uid"] // "none" | if type == "array" then join(",") else . end' <<<"$role") || bound=unreadable
    if [[ $bound == "$uid" ]]; then
      ok "$jwt_role is bound to the UID of service account ${login_account/ //}"
    else
      fail "$jwt_role is bound to the UID $bound, and service account ${login_account/ //} has the UID $uid: the account was made anew, so cert-manager cannot log in" 'run setup.sh, which binds the login to the account of today'
    fi
  elif [[ -n $why ]]; then
    unknown "$why"
  else
    fail "service account ${login_account/ //} does not exist" 'apply manifests/0-access, then run setup.sh'
  fi
}

# name_fits URI: whether it is spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT, of the namespace where one was named, and of one that the PKI role
# signs for.
name_fits() {
  local rest=${1#"spiffe://$trust_domain/ns/"}
  [[ $rest != "$1" && $rest =~ ^([a-z0-9-]+)/sa/([a-z0-9.-]+)$ ]] || return 1
  [[ -z $namespace || ${BASH_REMATCH[1]} == "$namespace" ]] && [[ -z $role_namespaces || " $role_namespaces " == *" ${BASH_REMATCH[1]} "* ]]
}

# --- the start -------------------------------------------------------------------------------------------------------------------

format=text
namespace=''
pod=''
config_dump=''
root_option=''
ask_vault=no
while (($# > 0)); do
  case $1 in
    --help)
      usage
      exit 0
      ;;
    --json) format=json ;;
    --vault) ask_vault=yes ;;
    --insecure-skip-tls-verify) insecure_tls=true ;;
    --workload | --config-dump | --root)
      if (($# < 2)) || [[ -z $2 ]]; then bad_usage "$1 needs a value"; fi
      case $1 in
        --workload)
          if [[ ! $2 =~ ^([a-z0-9]([-a-z0-9]*[a-z0-9])?)/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)$ ]]; then
            bad_usage "--workload must be NAMESPACE/POD, e.g. foo/sleep-557747455f-rcsmr, got \"$2\""
          fi
          namespace=${2%%/*} pod=${2#*/}
          ;;
        --config-dump) config_dump=$2 ;;
        --root) root_option=$2 ;;
      esac
      if [[ $1 != --workload && ! (-f $2 && -r $2) ]]; then bad_usage "$1 must name a file that can be read, got \"$2\""; fi
      shift
      ;;
    *) bad_usage "no such option, got \"$1\"" ;;
  esac
  shift
done

missing=''
for program in kubectl jq openssl awk sed istioctl; do
  if [[ $program == istioctl && -z $pod$config_dump ]]; then continue; fi
  if ! type -P "$program" >/dev/null; then missing+="${missing:+, }$program"; fi
done
if [[ -n $missing ]]; then
  plain "$0: error: nothing can be checked without $missing: install it" >&2
  exit 3
fi

tls_verdict >&2 || exit 2

colour=no
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then colour=yes; fi

tmp=$(mktemp -d)
work=$tmp
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
got=''
why=''

check_root
ask_cluster
check_issuer
if declare -F check_approval >/dev/null; then check_approval; fi
if declare -F check_admission >/dev/null; then check_admission; fi
check_csr
check_csr_args
if [[ -n $bundle_target ]]; then check_bundle; fi
check_csr_root
check_istiod_certificate
check_istiod_tls
check_root_map "$istio_namespace"
check_istiods
if [[ $ask_vault == yes ]]; then
  check_vault_keys
  check_vault_login
fi
if [[ -n $pod$config_dump ]]; then
  if [[ -n $namespace && $namespace != "$istio_namespace" ]]; then check_root_map "$namespace"; fi
  check_workload
else
  printf 'no workload was named, so none was checked: --workload NAMESPACE/POD\n' >&2
fi

if [[ $format == text ]]; then printf '%s ok, %s failed, %s unknown\n' "$count_ok" "$count_failed" "$count_unknown"; fi
if ((count_failed > 0)); then exit 1; fi
if ((count_unknown > 0)); then exit 3; fi
