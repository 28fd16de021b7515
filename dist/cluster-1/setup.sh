#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Makes the intermediate CA of cluster cluster-1 in Vault, the way in for its cert-manager, and tries both.
# Run it from the folder of mesh-ca.yaml; --plan shows what it would do, --help the rest. Every step can be run again.

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

readonly about='Makes the intermediate CA of cluster cluster-1 in Vault, the way in for its cert-manager, and tries both.'
readonly cluster=cluster-1
readonly context=cluster-1
readonly server=https://vault.example.com:8200
readonly vault_namespace=''
readonly server_name=''
readonly ca_bundle=''
readonly config_root=''
readonly root_mount=pki
readonly root_ref=default
readonly token_policy=mesh-ca-setup-cluster-1
readonly also_trust=''
readonly intermediate_mount=istioca-cluster-1
readonly intermediate_key=internal
readonly cas='[
  {
    "mount": "istioca-cluster-1",
    "common_name": "cluster-1 Mesh Intermediate CA",
    "subject": "",
    "key": "internal",
    "key_name": "mesh-ca",
    "key_type": "rsa",
    "key_bits": 3072,
    "max_path_length": 0,
    "seconds": 157680000,
    "signer": "pki",
    "signer_ref": "default",
    "sign_path": "pki/root/sign-intermediate",
    "permitted": "",
    "sign": {
      "format": "pem_bundle",
      "common_name": "cluster-1 Mesh Intermediate CA",
      "ttl": "43800h",
      "max_path_length": "0"
    }
  }
]'
readonly generation=1
readonly issuer_prefix=cluster-1-g
readonly first_common_name='cluster-1 Mesh Intermediate CA'
readonly reuse_key=false
readonly config_end=''
readonly watched=false
readonly leaf_seconds=3600
readonly sign_path=istioca-cluster-1/sign/cluster-1
readonly role_path=istioca-cluster-1/roles/cluster-1
readonly role_is_exact=true
readonly closings='block-login: jwt/role policy/write
block-role: role/write'
readonly issuer_namespace=istio-system
readonly istio_namespace=istio-system
readonly istiod_deployments=istiod
readonly own_auth='auth/jwt-cluster-1/config jwt.mount'
readonly login_path=auth/jwt-cluster-1/role/cert-manager
readonly login_shared=false
readonly policy_path=sys/policies/acl/cert-manager-cluster-1
readonly login_mount=jwt-cluster-1
readonly login_mark='cdk8s-mesh-ca: logins of cert-manager in cluster-1'
readonly token_type=batch
readonly auth_mount=jwt-cluster-1
readonly auth_role=cert-manager
readonly service_account=vault-issuer
readonly binds_uid=true
readonly audience=vault://istio-system/vault-issuer
readonly token_issuer=''
readonly rotating_issuers='https://oidc.eks.*.amazonaws.com* https://oidc-eks.*.api.aws* https://container.googleapis.com/* https://*.oic.prod-aks.azure.com/*'
readonly csr_namespace=cert-manager
readonly root_kind=Secret
readonly root_namespace=cert-manager
readonly root_name=istio-root-ca
readonly root_data_key=ca.cert.pem
readonly root_file=root
readonly key_type=rsa
readonly key_bits=2048
readonly trial_ttl=1h
readonly step_count=15
readonly needs='{
  "intermediate/mount": {"look":{"sys/mounts":["read"]},"act":{"sys/mounts/istioca-cluster-1":["create","update"]},"sends":{"sys/mounts/istioca-cluster-1":[{"type":["pki"],"description":["cdk8s-mesh-ca: CA of cluster-1"]}]},"ca":true},
  "intermediate/tune": {"look":{"sys/mounts":["read"]},"act":{"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"sys/mounts/istioca-cluster-1/tune":[{"max_lease_ttl":["43800h"]}]}},
  "intermediate/urls": {"look":{"istioca-cluster-1/config/urls":["read"]},"act":{"istioca-cluster-1/config/urls":["create","update"]},"sends":{"istioca-cluster-1/config/urls":[{"issuing_certificates":[[]],"crl_distribution_points":[[]],"ocsp_servers":[[]],"enable_templating":[false]}]}},
  "intermediate/tidy": {"look":{"istioca-cluster-1/config/auto-tidy":["read"]},"act":{"istioca-cluster-1/config/auto-tidy":["create","update"]},"sends":{"istioca-cluster-1/config/auto-tidy":[{"enabled":[true],"interval_duration":["12h"],"safety_buffer":["72h"],"pause_duration":["0s"],"tidy_cert_store":[true],"tidy_revoked_certs":[true],"tidy_revoked_cert_issuer_associations":[false],"tidy_expired_issuers":[false],"tidy_move_legacy_ca_bundle":[false]}]}},
  "intermediate/issue": {"look":{"pki/config/issuers":["read"],"pki/issuer/+":["read"],"istioca-cluster-1/config/issuers":["read"],"istioca-cluster-1/issuer/+":["read"],"istioca-cluster-1/issuers":["list"],"istioca-cluster-1/keys":["list"],"istioca-cluster-1/roles":["list"],"sys/mounts":["read"],"istioca-cluster-1/config/acme":["read"],"istioca-cluster-1/config/est":["read"],"istioca-cluster-1/config/crl":["read"]},"act":{"pki/root/sign-intermediate":["update"],"istioca-cluster-1/intermediate/generate/internal":["update"],"istioca-cluster-1/key/mesh-ca":["read"],"istioca-cluster-1/intermediate/set-signed":["update"],"istioca-cluster-1/config/issuers":["update"]},"sends":{"pki/root/sign-intermediate":[{"csr":[],"format":["pem_bundle"],"common_name":["cluster-1 Mesh Intermediate CA"],"ttl":["43800h"],"max_path_length":["0"]}],"istioca-cluster-1/intermediate/generate/internal":[{"common_name":["cluster-1 Mesh Intermediate CA"],"ttl":["43800h"],"key_type":["rsa"],"key_bits":["3072"],"key_name":["mesh-ca","mesh-ca-*"]}],"istioca-cluster-1/intermediate/generate/existing":[{"common_name":["cluster-1 Mesh Intermediate CA"],"ttl":["43800h"],"key_ref":[]}],"istioca-cluster-1/intermediate/set-signed":[{"certificate":[]}],"istioca-cluster-1/config/issuers":[{"default":[]}]},"ca":true},
  "role/write": {"look":{"istioca-cluster-1/roles/cluster-1":["read"],"sys/mounts":["read"]},"act":{"istioca-cluster-1/roles/cluster-1":["create","update"],"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"istioca-cluster-1/roles/cluster-1":[{"issuer_ref":["default"],"allowed_domains":[["istiod.istio-system.svc","cert-manager-istio-csr.cert-manager.svc"]],"allowed_domains_template":[false],"allow_any_name":[false],"allow_bare_domains":[true],"allow_subdomains":[false],"allow_glob_domains":[false],"allow_wildcard_certificates":[false],"allow_localhost":[false],"allow_ip_sans":[false],"allowed_uri_sans":[["spiffe://cluster.local/ns/*/sa/*"]],"allowed_uri_sans_template":[false],"allowed_other_sans":[[]],"allowed_serial_numbers":[[]],"cn_validations":[["hostname"]],"enforce_hostnames":[true],"require_cn":[false],"use_csr_common_name":[true],"use_csr_sans":[true],"server_flag":[true],"client_flag":[true],"code_signing_flag":[false],"email_protection_flag":[false],"basic_constraints_valid_for_non_ca":[false],"key_usage":[["DigitalSignature","KeyEncipherment"]],"ext_key_usage":[[]],"ext_key_usage_oids":[[]],"policy_identifiers":[[]],"key_type":["rsa"],"key_bits":["2048"],"signature_bits":["256"],"use_pss":[false],"organization":[[]],"ou":[[]],"country":[[]],"locality":[[]],"province":[[]],"street_address":[[]],"postal_code":[[]],"allowed_user_ids":[[]],"ttl":["1h"],"max_ttl":["1h"],"not_before_duration":["30s"],"not_after":[""],"not_after_bound":["forbid"],"no_store":[true],"generate_lease":[false]}],"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]},"ca":true},
  "issuer/default": {"look":{"istioca-cluster-1/config/issuers":["read"],"istioca-cluster-1/issuer/+":["read"],"istioca-cluster-1/issuers":["list"],"sys/mounts":["read"]},"act":{"istioca-cluster-1/issuer/+/sign/cluster-1":["update"],"istioca-cluster-1/config/issuers":["update"],"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"istioca-cluster-1/issuer/+/sign/cluster-1":[{"csr":[],"common_name":[""],"alt_names":[""],"ip_sans":[""],"uri_sans":["spiffe://cluster.local/ns/mesh-ca-trial/sa/default"],"ttl":["1h"],"exclude_cn_from_sans":["true"]}],"istioca-cluster-1/config/issuers":[{"default":[],"default_follows_latest_issuer":[false]}],"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]},"ca":true},
  "issuer/retire": {"look":{"istioca-cluster-1/config/issuers":["read"],"istioca-cluster-1/issuer/+":["read"],"istioca-cluster-1/issuers":["list"],"sys/mounts":["read"]},"act":{"istioca-cluster-1/issuer/+":["delete"],"istioca-cluster-1/key/+":["delete"],"istioca-cluster-1/config/keys":["update"],"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"istioca-cluster-1/config/keys":[{"default":[]}],"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]}},
  "policy/write": {"look":{"sys/policies/acl/cert-manager-cluster-1":["read"],"sys/mounts":["read"]},"act":{"sys/policies/acl/cert-manager-cluster-1":["create","update"],"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"sys/policies/acl/cert-manager-cluster-1":[{"policy":["path \"istioca-cluster-1/sign/cluster-1\" {\n  capabilities = [\"update\"]\n  allowed_parameters = {\n    \"csr\" = []\n    \"common_name\" = []\n    \"alt_names\" = []\n    \"ip_sans\" = []\n    \"uri_sans\" = []\n    \"ttl\" = []\n    \"exclude_cn_from_sans\" = []\n  }\n}"]}],"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]},"ca":true},
  "jwt/mount": {"look":{"sys/auth":["read"],"auth/jwt-cluster-1/role":["list"]},"act":{"sys/auth/jwt-cluster-1":["create","update","sudo"]},"sends":{"sys/auth/jwt-cluster-1":[{"type":["jwt"],"description":["cdk8s-mesh-ca: logins of cert-manager in cluster-1"]}]}},
  "jwt/role": {"look":{"auth/jwt-cluster-1/role/cert-manager":["read"],"sys/mounts":["read"]},"act":{"auth/jwt-cluster-1/role/cert-manager":["create","update"],"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"auth/jwt-cluster-1/role/cert-manager":[{"token_policies":[["cert-manager-cluster-1"]],"token_ttl":["10m"],"token_max_ttl":["10m"],"token_type":["batch"],"token_no_default_policy":[true],"token_explicit_max_ttl":["0"],"token_period":["0"],"token_num_uses":["0"],"token_bound_cidrs":[[]],"role_type":["jwt"],"user_claim":["sub"],"bound_audiences":[["vault://istio-system/vault-issuer"]],"bound_subject":["system:serviceaccount:istio-system:vault-issuer"],"bound_claims_type":["string"],"claim_mappings":[],"groups_claim":[""],"user_claim_json_pointer":[false],"expiration_leeway":["0"],"not_before_leeway":["0"],"clock_skew_leeway":["0"],"verbose_oidc_logging":[false],"bound_claims":[]}],"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]},"ca":true},
  "jwt/config": {"look":{"auth/jwt-cluster-1/config":["read"]},"act":{"auth/jwt-cluster-1/config":["create","update"]},"sends":{"auth/jwt-cluster-1/config":[{"bound_issuer":[],"jwt_validation_pubkeys":[]}]},"ca":true},
  "cluster/root-ca": {},
  "cluster/trust": {"look":{"sys/mounts":["read"]},"act":{"sys/mounts/istioca-cluster-1/tune":["create","update"]},"sends":{"sys/mounts/istioca-cluster-1/tune":[{"description":["cdk8s-mesh-ca: CA of cluster-1*","*]"]}]}},
  "trial": {}
}'

steps() {
  step intermediate/mount 'Enable a PKI secrets engine at istioca-cluster-1'
  fields '{
    "type": "pki",
    "description": "cdk8s-mesh-ca: CA of cluster-1"
  }'
  unless mount_is istioca-cluster-1 pki
  run write_fields sys/mounts/istioca-cluster-1

  step intermediate/tune 'Let istioca-cluster-1 issue for at most 43800h'
  fields '{
    "max_lease_ttl": "43800h"
  }'
  unless max_lease_ttl_is istioca-cluster-1 43800h
  run write_fields sys/mounts/istioca-cluster-1/tune

  # None is planned: Envoy and istiod check no revocation by them, and a client that does and does not reach Vault would refuse
  # every certificate. A leaf ends within hours; a CA is taken away by emergency.sh.
  step intermediate/urls 'Have istioca-cluster-1 write no URLs of CAs, CRLs and OCSP into what it signs'
  fields '{
    "issuing_certificates": [],
    "crl_distribution_points": [],
    "ocsp_servers": [],
    "enable_templating": false
  }'
  unless same_fields istioca-cluster-1/config/urls
  run write_fields istioca-cluster-1/config/urls

  # The planned PKI role stores none unless it says so, so this is for revoked ones, and for what another role would store.
  # Issuers stay: issuer/retire removes one with its key. Root and policy CAs keep their few: the record of which CAs were signed.
  step intermediate/tidy 'Have Vault remove from istioca-cluster-1 what it keeps of certificates and revocations, 72 hours after their end'
  fields '{
    "enabled": true,
    "interval_duration": "12h",
    "safety_buffer": "72h",
    "pause_duration": "0s",
    "tidy_cert_store": true,
    "tidy_revoked_certs": true,
    "tidy_revoked_cert_issuer_associations": false,
    "tidy_expired_issuers": false,
    "tidy_move_legacy_ca_bundle": false
  }'
  unless same_fields istioca-cluster-1/config/auto-tidy
  run write_fields istioca-cluster-1/config/auto-tidy

  # Key, signature and import are one step: a rerun never replaces a CA that a mesh trusts.
  # internal: the key never leaves Vault.
  step intermediate/issue 'Issue the CA of istioca-cluster-1 from the root CA in pki'
  fields '{
    "common_name": "cluster-1 Mesh Intermediate CA",
    "ttl": "43800h",
    "key_type": "rsa",
    "key_bits": "3072"
  }'
  unless ca_present istioca-cluster-1
  run issue_ca istioca-cluster-1

  # It signs istiod's and istio-csr's own names and the workloads' SPIFFE IDs, and nothing else.
  step role/write 'Write the PKI role istioca-cluster-1/roles/cluster-1'
  fields '{
    "issuer_ref": "default",
    "allowed_domains": [
      "istiod.istio-system.svc",
      "cert-manager-istio-csr.cert-manager.svc"
    ],
    "allowed_domains_template": false,
    "allow_any_name": false,
    "allow_bare_domains": true,
    "allow_subdomains": false,
    "allow_glob_domains": false,
    "allow_wildcard_certificates": false,
    "allow_localhost": false,
    "allow_ip_sans": false,
    "allowed_uri_sans": [
      "spiffe://cluster.local/ns/*/sa/*"
    ],
    "allowed_uri_sans_template": false,
    "allowed_other_sans": [],
    "allowed_serial_numbers": [],
    "cn_validations": [
      "hostname"
    ],
    "enforce_hostnames": true,
    "require_cn": false,
    "use_csr_common_name": true,
    "use_csr_sans": true,
    "server_flag": true,
    "client_flag": true,
    "code_signing_flag": false,
    "email_protection_flag": false,
    "basic_constraints_valid_for_non_ca": false,
    "key_usage": [
      "DigitalSignature",
      "KeyEncipherment"
    ],
    "ext_key_usage": [],
    "ext_key_usage_oids": [],
    "policy_identifiers": [],
    "key_type": "rsa",
    "key_bits": "2048",
    "signature_bits": "256",
    "use_pss": false,
    "organization": [],
    "ou": [],
    "country": [],
    "locality": [],
    "province": [],
    "street_address": [],
    "postal_code": [],
    "allowed_user_ids": [],
    "ttl": "1h",
    "max_ttl": "1h",
    "not_before_duration": "30s",
    "not_after": "",
    "not_after_bound": "forbid",
    "no_store": true,
    "generate_lease": false
  }'
  unless same_fields istioca-cluster-1/roles/cluster-1
  run note_longer_leaves
  run write_role istioca-cluster-1/roles/cluster-1

  # Tried first, then moved, then recorded in the description of the mount: until when certificates under the one before can live,
  # by Vault's own time. Recorded too late does no harm.
  step issuer/default 'Let the CA of generation 1 sign at istioca-cluster-1'
  unless default_is_planned
  run move_default URI:spiffe://cluster.local/ns/mesh-ca-trial/sa/default

  # Only with --retire. Until then the way back is to set intermediate.generation back.
  step issuer/retire 'Remove the CAs of other generations from istioca-cluster-1, once the last certificate under them has ended'
  unless retired
  run retire_issuers

  # cert-manager may ask for a signature, and nothing else.
  step policy/write 'Write the policy cert-manager-cluster-1'
  fields '{
    "policy": "path \"istioca-cluster-1/sign/cluster-1\" {\n  capabilities = [\"update\"]\n  allowed_parameters = {\n    \"csr\" = []\n    \"common_name\" = []\n    \"alt_names\" = []\n    \"ip_sans\" = []\n    \"uri_sans\" = []\n    \"ttl\" = []\n    \"exclude_cn_from_sans\" = []\n  }\n}"
  }'
  unless same_fields sys/policies/acl/cert-manager-cluster-1
  run write_fields sys/policies/acl/cert-manager-cluster-1

  step jwt/mount 'Enable the jwt auth method at jwt-cluster-1'
  fields '{
    "type": "jwt",
    "description": "cdk8s-mesh-ca: logins of cert-manager in cluster-1"
  }'
  unless auth_is jwt-cluster-1 jwt
  run write_fields sys/auth/jwt-cluster-1

  # Batch tokens, since cert-manager logs in anew for each signature: they leave nothing in Vault.
  # Beside these fields it binds the UID that the service account has in the cluster now (bound_claims): an account that is deleted and
  # made again has another one, so no token of the old account logs in, however long it is valid.
  step jwt/role 'Write the role cert-manager: service account istio-system/vault-issuer, audience vault://istio-system/vault-issuer'
  fields '{
    "token_policies": [
      "cert-manager-cluster-1"
    ],
    "token_ttl": "10m",
    "token_max_ttl": "10m",
    "token_type": "batch",
    "token_no_default_policy": true,
    "token_explicit_max_ttl": "0",
    "token_period": "0",
    "token_num_uses": "0",
    "token_bound_cidrs": [],
    "role_type": "jwt",
    "user_claim": "sub",
    "bound_audiences": [
      "vault://istio-system/vault-issuer"
    ],
    "bound_subject": "system:serviceaccount:istio-system:vault-issuer",
    "bound_claims_type": "string",
    "claim_mappings": {},
    "groups_claim": "",
    "user_claim_json_pointer": false,
    "expiration_leeway": "0",
    "not_before_leeway": "0",
    "clock_skew_leeway": "0",
    "verbose_oidc_logging": false
  }'
  unless bound_to_account auth/jwt-cluster-1/role/cert-manager
  run bind_to_account auth/jwt-cluster-1/role/cert-manager

  # As the API server publishes them at /openid/v1/jwks: it publishes a new key before it signs with it, so run this again then.
  # They are public. A token of another cluster is signed with another key.
  step jwt/config 'Give Vault the cluster'\''s public keys'
  unless trusts_cluster
  run trust_cluster

  step cluster/root-ca 'Deliver the root certificate to Secret cert-manager/istio-root-ca'
  unless root_delivered
  run deliver_root

  # A workload learns a root with its next certificate, so that is after the longest lifetime of one.
  step cluster/trust 'Record in Vault from when on every workload trusts what istio-csr hands out'
  unless trust_recorded
  run record_trust

  # An Issuer that says Ready proves one login at some time; only a signature proves the rest.
  # Words: the names in the CSR; for a refusal, what its message must say.
  step trial 'Try it as cert-manager and istio-csr will: log in, sign at istioca-cluster-1/sign/cluster-1'
  run trial_login
  run signs istiod CN=istiod.istio-system.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account
  run signs 'istio-csr'\''s own server' DNS:cert-manager-istio-csr.cert-manager.svc
  run signs 'a workload' URI:spiffe://cluster.local/ns/mesh-ca-trial/sa/default
  run refuses 'a workload of another trust domain' URI:spiffe://other.cluster.local/ns/mesh-ca-trial/sa/default 'URI Subject Alternative'
  run refuses 'another service' DNS:mesh-ca-trial.default.svc 'name mesh-ca-trial[.]default[.]svc not allowed'
  run refuses 'a subdomain of istio-csr'\''s name' DNS:mesh-ca-trial.cert-manager-istio-csr.cert-manager.svc 'name mesh-ca-trial[.]cert-manager-istio-csr[.]cert-manager[.]svc not allowed'
  run refuses 'an IP address' IP:10.0.0.1 'IP Subject Alternative'
  run refuses localhost DNS:localhost 'name localhost not allowed'
  run refuses 'a wildcard' 'DNS:*.cert-manager-istio-csr.cert-manager.svc' 'name [*][.]cert-manager-istio-csr[.]cert-manager[.]svc not allowed'
  run refuses 'a foreign common name' CN=mesh-ca-trial.default.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account 'name mesh-ca-trial[.]default[.]svc not allowed'
  run denies 'an end of its own choice (not_after)' URI:spiffe://cluster.local/ns/mesh-ca-trial/sa/default
  run trial_end
}

# ---------------------------------------------------------------------------------------------------------------------------------
# From here on the text is the same in every setup script: what the words above mean. The values are all above.
# ---------------------------------------------------------------------------------------------------------------------------------

set -o errexit -o nounset -o pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s: error: it needs Bash 4.4 or later, this is %s\n' "$0" "$BASH_VERSION" >&2
  exit 2
fi
umask 077
export LC_ALL=C VAULT_CLI_NO_COLOR=1

usage() { plain "$(usage_text)"; }
usage_text() {
  printf 'usage: bash %s [--plan | %s--print-policy]%s\n\n%s\n\n' "$0" "${repair_example:+--check | --repair STEP | }" "$options_usage" "$about"
  printf '  --plan              print each step and whether it is done; change nothing\n'
  if [[ -n $repair_example ]]; then
    printf '  --check             compare Vault and the cluster with the plan, field by field, by reading alone; exit 3 where they differ\n'
    printf '  --repair STEP       put back what one step makes, e.g. %s, and nothing else\n' "$repair_example"
  fi
  printf '  --print-policy      print the Vault policy of a token that runs this script; it asks no server\n'
  [[ $needs != *'"ca":true'* ]] || printf '  --print-policy --ca  print what a run needs besides to make a CA, and to decide what it signs and who logs in: at the first run, for a
                      new generation, and where one of these has changed\n'
  if [[ -n $repair_example ]]; then
    printf '  --print-policy --check, --print-policy --repair STEP\n                      print the policy of such a run: it reads all, and writes nothing, or what the step writes\n'
  fi
  printf '%s' "$options_help"
  printf '  --insecure-skip-tls-verify\n                      go on although VAULT_SKIP_VERIFY or the kubeconfig turns the verification of TLS off; unsafe\n'
  printf '  --help              print this\n\n'
  printf 'It uses VAULT_TOKEN, or the login of the CLI, and VAULT_ADDR where it is set, else %s.\n' "$server"
  printf 'MESH_CA_CLI names the program: vault (the default) or bao. Every step can be run again, by one run at a time.\n'
}

say() { plain "$*" >&3; }
note() { say "      note: $*"; }
complain() { plain "$0: error: $*" >&2; }
last_error() { tr '\n' ' ' <"$work/error"; }
die() {
  complain "$*"
  exit 1
}
# give_up WHAT: ends a step that another run would end in the same way.
give_up() {
  doing=false
  die "$*"
}
# whether the end is for what was asked, not for what went wrong.
refused=false
# refuse WHAT: what was asked is wrong, and nothing was changed.
refuse() {
  complain "$*"
  refused=true
  exit 2
}
bad_usage() {
  complain "$*"
  printf '\n' >&2
  usage >&2
  refused=true
  exit 2
}

# --- steps -----------------------------------------------------------------------------------------------------------------------

step_number=0
step_id=
state=todo
wanted='{}'
doing=false
to_do=()
# of those, what --repair can put back: what stops a run is no step's to mend.
repairable=()
# what else --check has found, beside steps that differ.
strays=()
drifted=false
# the steps that this run is about, by their names; none: all of them.
only=
total=$step_count
# what a step that is done is called.
settled=
# what somebody has to do outside of Vault before it goes on.
waiting=false
# the one step that --repair names; none: this repairs nothing.
repair=
# whether --print-policy prints the rights of the steps that make a CA, which it leaves out otherwise.
print_ca=false
# a step that is done only where an option asks for it; its policy is printed only then.
unasked=
# a step that the help names for --repair; none: this script has neither --check nor --repair.
repair_example=

# step ID TITLE: begins a step.
step() {
  step_id=$1
  state=todo
  wanted='{}'
  settled='done already'
  if [[ -n $only && " $only " != *" $1 "* ]]; then
    state=skipped
    return
  fi
  step_number=$((step_number + 1))
  say "[$step_number/$total] $1: $2"
}

# choose_steps NAME...: from here on it is about these alone.
choose_steps() {
  only="$*"
  total=$#
}

# fields JSON: what the step compares and writes.
fields() { wanted=$1; }

# unless CHECK ARGUMENT...: the step is done where the check succeeds. A check says 0 done, 1 not done; what it can't tell ends the script.
unless() {
  local rc=0
  [[ $state != skipped ]] || return 0
  "$@" || rc=$?
  ((rc != 1)) || repairable+=("$step_id")
  # what stops a script is a difference like others to one that compares, unless it is a server that does not answer.
  if ((rc > 1)) && [[ $mode == check && ! -e $work/unanswered ]]; then rc=1; fi
  case $rc in
    0) state=complete && say "      $([[ $mode == check ]] && printf 'as planned' || printf '%s' "$settled")" ;;
    1)
      to_do+=("$step_id")
      case $mode in
        plan) say '      to do' ;;
        check) say '      DIFFERS' ;;
      esac
      ;;
    *) die "step $step_number ($step_id) could not be checked, and was not begun" ;;
  esac
}

# stray WHAT: notes what is beside the plan. No step makes or removes it; a check counts it.
stray() {
  note "$*"
  strays+=("$*")
}

# stray_issuer MOUNT ID CERTIFICATE [KEY]: one that can sign beside the default, with what removes it, and its key where it is its own.
stray_issuer() {
  stray "issuer $2 can sign here too, besides the default: $(described "$(first_certificate <<<"$3")"); to remove it: $cli delete $1/issuer/$2${4:+, then $cli delete $1/key/$4}"
}

# report_drift: the end of --check: 0 where nothing differs, else 3.
report_drift() {
  local way='what is wrong, and the way on, is said above'
  if ((${#to_do[@]} == 0 && ${#strays[@]} == 0)); then
    say 'no drift: all is as planned'
    return 0
  fi
  ((${#strays[@]} == 0)) || say "beside the plan, noted above: ${#strays[@]}"
  ((${#repairable[@]} != 1)) || way="to put it back: bash $0 --repair ${repairable[0]}"
  ((${#repairable[@]} <= 1)) || way="to put all of it right: bash $0; or one step, e.g.: bash $0 --repair ${repairable[0]}"
  ((${#to_do[@]} == 0)) || say "drift: ${#to_do[@]} of $step_count steps differ: ${to_do[*]}. $way"
  drifted=true
  exit 3
}

# run COMMAND ARGUMENT...: does it, where the step is not done.
run() {
  [[ $state == todo && $mode == run ]] || return 0
  if declare -F need_still_open >/dev/null; then need_still_open; fi
  doing=true
  "$@" >/dev/null
  doing=false
}

# finish CODE: the end, whatever brought it about. A program's own code says nothing here: 1 is a failure.
finish() {
  rm -rf -- "$work"
  [[ $drifted == false ]] || exit 3
  [[ $refused == false ]] || exit 2
  [[ $waiting == false ]] || exit 4
  (($1 < 128)) || complain 'stopped. Every step can be run again: run this again to go on'
  (($1 > 0 && $1 < 128)) || exit "$1"
  [[ $doing == false ]] || complain "step $step_number ($step_id) did not get through. Every step can be run again: run this again"
  exit 1
}

# --- Vault -----------------------------------------------------------------------------------------------------------------------

# vault WORDS...: the CLI. What it writes may change anything that was read before.
vault() {
  case $1 in
    read | list | status) ;;
    *) forget ;;
  esac
  with_plain_errors command "$cli" "$@"
}

# in_root_namespace WORDS...: the CLI in Vault's root namespace, whatever the plan's is.
in_root_namespace() {
  local -x VAULT_NAMESPACE='' BAO_NAMESPACE=''
  vault "$@"
}

# vault as the holder of another token.
vault_as() {
  local -x VAULT_TOKEN=$1 BAO_TOKEN=$1
  shift
  vault "$@"
}

# get PATH: prints what Vault holds there, as JSON; 1 where there is nothing. A Vault that can't answer ends the script: it is not "nothing".
get() { known read "$1"; }

# get_anew PATH: the same, always from Vault, and kept nowhere: what holds a secret, or what another run may have made since.
get_anew() { ask read "$1"; }

# keys_of PATH: sets `listed` to the keys below a path; 1 where there are none.
keys_of() {
  local list rc=0
  listed=()
  list=$(known list "$1") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || mapfile -t listed < <(jq -r '.[]' <<<"$list")
  ((${#listed[@]} > 0))
}

# known VERB PATH: as `ask`, but for what Vault has answered since this run last wrote: a call of the CLI takes a tenth of a second.
known() { kept "$1" "$2" ask "$1" "$2"; }

# kept WHAT PATH COMMAND...: prints what the command has printed of it since this run last wrote. In files, since subshells ask too. What is
# not there is never known, as another run may make it at any time.
kept() {
  local answer file=$work/known.$1.${2//\//,}
  shift 2
  if [[ -s $file ]]; then
    printf '%s\n' "$(<"$file")"
  else
    answer=$("$@") || return $?
    # on a full disk, it is asked again the next time.
    { printf '%s\n' "$answer" >"$file"; } 2>/dev/null || rm -f -- "$file"
    printf '%s\n' "$answer"
  fi
}

# forget: so that the next question goes to Vault.
# shellcheck disable=SC2317 # it is not called where no Vault is asked
forget() {
  local -a files=("$work"/known.*)
  [[ ! -e ${files[0]} ]] || rm -f -- "${files[@]}"
}

# ask VERB PATH
ask() {
  local answer rc=0
  answer=$(vault "$1" -format=json "$2" 2>"$work/error") || rc=$?
  if ((rc == 0)); then
    printf '%s\n' "$answer"
  elif [[ $answer == '{}' ]] || grep -Eq 'No value found|Code: 404|no handler for route|unable to find PKI (issuer|key) for reference' "$work/error"; then
    return 1
  else
    complain "cannot read $2: $(last_error)$(token_ended)"
    # a subshell may be what asks.
    : >"$work/unanswered"
    return 2
  fi
}

# token_ended: the rights were looked at before the first step, so what is forbidden after that was allowed then.
token_ended() {
  grep -q 'Code: 403' "$work/error" || return 0
  printf '%s' '- the token may have ended, or used up its uses, or its policy was changed: log in again'
}

# put PATH: writes the JSON of standard input; prints Vault's answer. A value never stands in an argument.
put() { vault write -format=json "$1" -; }

# mount_is MOUNT TYPE, auth_is MOUNT TYPE
mount_is() { type_is sys/mounts "$@"; }
auth_is() { type_is sys/auth "$@"; }
type_is() {
  local table type
  table=$(get "$1") || return 2
  type=$(jq -r --arg mount "$2/" '(.data // .)[$mount].type // ""' <<<"$table") || return 2
  [[ -n $type ]] || {
    forget
    return 1
  }
  [[ $type == "$3" ]] || {
    complain "$2 is a mount of type $type, the plan wants $3: choose another mount in the config"
    return 2
  }
}

# max_lease_ttl_is MOUNT DURATION
max_lease_ttl_is() {
  local table
  table=$(get sys/mounts) || return 2
  compare "$table" "{\"max_lease_ttl\": \"$2\"}" "$1"
}

# mount_allows MOUNT SECONDS, auth_allows MOUNT SECONDS: whether it lets what it makes live for so long. A mount that others may use too
# is only ever raised. 0 is the server's default, 768 hours.
mount_allows() { allows sys/mounts "$@"; }
auth_allows() { allows sys/auth "$@"; }
allows() {
  local table
  table=$(get "$1") || return 2
  # in jq: the shell's arithmetic would run what a server writes.
  jq -e --arg mount "$2/" --argjson wanted "$3" '(.data // .)[$mount].config.max_lease_ttl // 0
    | if type != "number" then error("max_lease_ttl is no number") elif . == 0 then 768 * 3600 else . end
    | . >= $wanted' <<<"$table" >/dev/null
}

# same_fields PATH: whether Vault holds the step's fields there.
same_fields() {
  local found rc=0
  found=$(get "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  # how long Vault keeps what has expired lets nobody sign.
  if [[ $1 == */config/auto-tidy ]]; then compare "$found" "$wanted"; else compare "$found" "$wanted" '' "$FIELDS"; fi
}

# Fields that Vault returns beside the planned ones. Each is expected to be empty (null, false, 0, "", [] or {}), or to have the value that stands
# here; null: any value, since it names, repeats or counts, or is another administrator's.
readonly FIELDS='{
  "token_type": "default", "name": null, "display_name": null, "role_id": null, "status": null, "token_reviewer_jwt_set": null, "namespace_in_state": null,
  "policies": null, "ttl": null, "max_ttl": null, "period": null, "num_uses": null, "bound_cidrs": null,
  "access_key": null, "role_arn": null, "identity_token_audience": null, "identity_token_ttl": null, "max_retries": -1,
  "rotation_period": null, "rotation_window": null, "rotation_schedule": null,
  "alias_name_source": "serviceaccount_uid", "disable_iss_validation": true, "ocsp_max_retries": 4,
  "serial_number_source": "json-csr", "not_before_bound": "permit"
}'

# compare FOUND WANTED [MOUNT] [OTHERS]: field by field; says what differs, of a table of mounts in the settings of one. Vault keeps durations as
# seconds. OTHERS: what the fields that are not wanted have; without it they are not looked at.
compare() {
  local differences
  differences=$(jq -r --argjson wanted "$2" --arg mode "$mode" --arg mount "${3:-}" --argjson others "${4:-null}" '
    def unset: . == null or . == false or . == 0 or . == "0" or . == "" or . == [] or . == {};
    def seconds: capture("^(?<n>[0-9]+)(?<unit>[hms]?)$") | (.n | tonumber) * ({h: 3600, m: 60, s: 1, "": 1}[.unit]);
    def same($key; $found; $wanted):
      if ($found | type) == "number" and ($wanted | type) == "string" then $found == ($wanted | seconds)
      elif ($wanted | type) == "array" then ($found // [] | sort) == ($wanted | sort)
      # what an older server does not know of, it does not do.
      elif $found == null then ($wanted | unset) or $key == "not_after_bound"
      else $found == $wanted end;
    def unknown($found): $found | to_entries[] | .key as $key | select($others != null and ($key | in($wanted) | not) and (.value | unset | not))
      | select(($key | in($others) | not) or ($others[$key] != null and $others[$key] != .value));
    (if $mount == "" then .data else (.data // .)["\($mount)/"].config // "none" end) as $found
    | if $found == "none" then "none" else $wanted | to_entries[] | select(same(.key; $found[.key]; .value) | not)
    | if $mode == "check" then "- \(.key): \($found[.key] | tojson)", "+ \(.key): \(.value | tojson)"
      else "note: \(.key): is \($found[.key] | tojson), planned \(.value | tojson)" end end,
    (if $found == "none" then empty else unknown($found) | "field \(.key) has the value \(.value | tojson), which this version does not know" end)' <<<"$1") || return 2
  [[ -n $differences ]] || return 0
  [[ $differences != none ]] || return 1
  while IFS= read -r line; do say "      $line"; done <<<"$differences"
  return 1
}

write_fields() { put "$1" <<<"$wanted"; }

# --- certificates ----------------------------------------------------------------------------------------------------------------

# first_certificate: the first PEM certificate of standard input, as OpenSSL writes it. It reads to the end, so that what feeds it never
# meets a closed pipe.
first_certificate() { awk '/-----BEGIN CERTIFICATE-----/ {on = !seen} on {print} /-----END CERTIFICATE-----/ {on = 0; seen = 1}' | x509 2>/dev/null; }
fingerprint() { x509 -noout -fingerprint -sha256 | sed 's/.*=//'; }
# short_fingerprint: of the certificate of standard input, as the description of a mount records it.
short_fingerprint() { fingerprint | tr -d ':' | cut -c1-16; }
# serial_of CERTIFICATE: as Vault writes it.
serial_of() { x509 -noout -serial <<<"$1" | sed 's/.*=//; s/../&:/g; s/:$//' | tr A-F a-f; }
subject_cn() { x509 -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n 's/^ *commonName *= //p'; }

# report_subject CERTIFICATE PLANNED: says where its name has other fields beside the common name than planned, by OpenSSL's names, a line.
report_subject() {
  local fields
  fields=$(x509 -noout -subject -nameopt multiline,utf8,-esc_msb <<<"$1" | sed -n '/^ *commonName *=/d; s/^ *\([A-Za-z]*\) *= /\1=/p' | sort | paste -sd, -)
  [[ $fields == "$2" ]] || note "its name says ${fields:-nothing} beside the common name, the plan ${2:-nothing}; it is kept"
}
end_of() { x509 -noout -enddate | sed 's/.*=//'; }
# second_of_end: when the certificate of standard input ends, in seconds since 1970.
second_of_end() { end_of | jq -R 'strptime("%b %d %H:%M:%S %Y GMT") | mktime'; }
# described CERTIFICATE: prints its common name and its fingerprint. A quote in the name is replaced, so that no name looks like a fingerprint.
described() {
  local text
  text=$(x509 -noout -subject -nameopt multiline,utf8,-esc_msb -fingerprint -sha256 <<<"$1")
  printf "'%s', SHA-256 %s" "$(sed -n 's/^ *commonName *= //p' <<<"$text" | tr "'\n" '? ' | sed 's/ $//')" "$(sed -n 's/^[Ss][Hh][Aa]256 Fingerprint=//p' <<<"$text")"
}

# each_certificate COMMAND: runs it with each certificate of standard input.
each_certificate() {
  local line block=''
  while IFS= read -r line; do
    line=${line%$'\r'}
    case $line in
      '-----BEGIN CERTIFICATE-----') block=$line$'\n' ;;
      '-----END CERTIFICATE-----') printf '%s' "$block$line"$'\n' | "$@" && block='' ;;
      *) [[ -z $block ]] || block+=$line$'\n' ;;
    esac
  done
}

# verified ROOTS CERTIFICATE [CHAIN]: whether it verifies to one of these roots, by OpenSSL, without what else the machine trusts; with `anytime`
# set, whatever has expired meanwhile.
verified() {
  printf '%s\n' "$1" >"$work/root.pem"
  printf '%s\n' "$2" >"$work/certificate.pem"
  printf '%s\n' "${3:-$2}" >"$work/chain.pem"
  verify_only "$work/root.pem" ${anytime:+-no_check_time} -untrusted "$work/chain.pem" "$work/certificate.pem" >"$work/error" 2>&1
}

# signed_by CERTIFICATE CA: whether this very CA has signed it.
signed_by() {
  printf '%s\n' "$2" >"$work/root.pem" && printf '%s\n' "$1" >"$work/certificate.pem" &&
    verify_only "$work/root.pem" -partial_chain "$work/certificate.pem" >"$work/error" 2>&1
}

# unverified: why OpenSSL did not verify it, in its words, without the names of the files that it was laid into.
unverified() {
  local reason
  reason=$(sed -n 's/^error [0-9]* at [0-9]* depth lookup: *//p' "$work/error" | sort -u | paste -sd, -)
  printf '%s' "${reason:-OpenSSL gives no reason}"
}

# is_root CERTIFICATE WHAT: says what is wrong where it is not one, has ended, or is too weak.
is_root() {
  local weak
  if ! x509 -noout -ext basicConstraints <<<"$1" 2>/dev/null | grep CA:TRUE >/dev/null; then
    complain "$2 is no CA certificate"
  elif ! x509 -noout -checkend 0 <<<"$1" >/dev/null; then
    complain "$2 has ended: $(end_of <<<"$1")"
  elif weak=$(weakness <<<"$1") && [[ -n $weak ]]; then
    complain "$2 $weak"
  elif ! verified "$1" "$1"; then
    complain "$2 is not self-signed, so it is no root"
  else
    return 0
  fi
  return 1
}

# lives_for SECONDS CERTIFICATE WHAT: an issuer must outlive what it signs; Vault would cut that, or refuse it half way.
lives_for() {
  x509 -noout -checkend "$1" <<<"$2" >/dev/null && return 0
  complain "$3 ends ($(end_of <<<"$2")) before what it is to sign for $1 s would: use one that lives longer, or a shorter ttl below it"
  return 1
}

# path_of CERTIFICATE: prints how many CAs may stand below it; -1: any number.
path_of() {
  local path
  path=$(x509 -noout -ext basicConstraints <<<"$1" 2>/dev/null | sed -n 's/.*pathlen:\([0-9]*\).*/\1/p')
  printf '%s' "${path:--1}"
}

# issuer_of MOUNT [REF]: prints an issuer of a mount as JSON, the default one where none is named; 1 where there is none.
issuer_of() {
  local config id rc=0
  if [[ ${2:-default} != default ]]; then
    get "$1/issuer/$2"
    return
  fi
  config=$(get "$1/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  id=$(jq -r '.data.default // ""' <<<"$config") || return 2
  [[ -n $id ]] || {
    forget
    return 1
  }
  get "$1/issuer/$id"
}

# unfit MOUNT ISSUER: prints what keeps Vault from letting it sign certificates, and what would let it; nothing where it may. A revoked one never
# may again.
unfit() {
  jq -r --arg patch "$cli patch $1/issuer" '.data | if .revoked == true then "is revoked"
    elif .usage // "issuing-certificates" | tostring | contains("issuing-certificates") then empty
    else "may not sign: its usage is \(.usage); to let it: \($patch)/\(.issuer_id) usage=\(.usage),issuing-certificates" end' <<<"$2"
}

# may_sign_for SECONDS MOUNT REF WHAT: whether Vault lets an issuer sign, and for so long, which it would cut without a word. Says what is wrong.
may_sign_for() {
  local found reason rc=0
  found=$(issuer_of "$2" "$3") && reason=$(unfit "$2" "$found") || return 2
  if [[ -n $reason ]]; then
    complain "$4 in $2 $reason"
  else
    mount_allows "$2" "$1" || rc=$?
    ((rc == 1)) || return "$rc"
    complain "$2 issues for less than the $1 s of a CA below $4; to raise it: $cli secrets tune -max-lease-ttl=$1s $2"
  fi
  return 1
}

# --- the root --------------------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2034 # not every script looks for it
root=
# where it is, in words; an offline root stands in the config alone.
root_place=${root_mount:+in $root_mount}
root_place=${root_place:-outside of Vault}
known_root=$config_root
known_root_source='the root.certificate of the config'

# look_for_root_pem: what a former run wrote beside the config is known, and nothing else is trusted.
look_for_root_pem() {
  [[ -z $known_root && -f root.pem ]] || return 0
  known_root=$(<root.pem)
  known_root_source=./root.pem
}

# same_as_known PEM: whether a certificate is one of those of the known root file, which may hold two during a rotation.
same_as_known() {
  local print prints
  print=$(fingerprint <<<"$1") || return 1
  prints=$(each_certificate fingerprint <<<"$known_root") || return 1
  grep -xF "$print" >/dev/null <<<"$prints"
}

# how_to_accept_root: how a root that nothing here knows is accepted, after its fingerprint was compared.
how_to_accept_root() {
  printf 'nothing beside the config proves who made it. If its SHA-256 is the one that the run which made it printed (or the one you know), accept it: %s read -field=certificate %s > root.pem; then run this again' \
    "$cli" "$root_mount/issuer/$(issuer_of "$root_mount" "$root_ref" | jq -r .data.issuer_id)"
}

# root_from_vault: prints the root certificate that Vault holds, after comparing it with the known one; 1 where there is none. That of an
# offline root stands in the config. It takes a dozen processes, so what it printed is kept.
root_from_vault() { kept root "$root_mount" compared_root; }
compared_root() {
  local issuer certificate rc=0
  if [[ -z $root_mount ]]; then
    certificate=$(first_certificate <<<"$known_root") || return 2
    is_root "$certificate" "$known_root_source" || return 2
    printf '%s\n' "$certificate"
    return 0
  fi
  issuer=$(issuer_of "$root_mount" "$root_ref") || rc=$?
  ((rc == 0)) || return "$rc"
  pick '.data | .certificate, .key_id // ""' <<<"$issuer" || return 2
  certificate=$(first_certificate <<<"${picked[0]}") || return 2
  if [[ -n $known_root ]] && ! same_as_known "$certificate"; then
    complain "$root_mount holds another CA ($(described "$certificate")) than $known_root_source"
    return 2
  fi
  if [[ -z ${picked[1]} ]]; then
    complain "$root_mount holds the root certificate without its key: import both"
    return 2
  fi
  is_root "$certificate" "the CA in $root_mount ($(described "$certificate"))" || return 2
  printf '%s\n' "$certificate"
}

# --- before the first step -------------------------------------------------------------------------------------------------------

missing=()
# whether rights of the token are among it.
lacks_rights=false
# whether those of the steps that make a CA are.
lacks_ca=false

# by their files: a function here is called `vault`, and would be found in its place.
need_programs() {
  local program
  for program in "$cli" "$@"; do
    type -P "$program" >/dev/null || missing+=("the program $program")
  done
}

# need_room: what is compared is laid into files, and a file that is cut off would be another certificate.
need_room() {
  { printf '%262144s' '' >"$work/room"; } 2>/dev/null || die "there is no room below ${TMPDIR:-/tmp} to work in, and nothing was changed: free some, or set TMPDIR"
  rm -f -- "$work/room"
}

# need_answer [REASON]: that Vault answers and is unsealed; and where a call has failed for a reason, that it is or has an active one.
need_answer() {
  local status active
  # it fails for a sealed Vault too, and then says so; where there is none, it says nothing.
  status=$(vault status -format=json 2>"$work/error") || true
  if [[ -z $status ]]; then
    missing+=("an answer from Vault at $VAULT_ADDR: $(last_error)")
    return 1
  fi
  if [[ $(jq -r .initialized <<<"$status") == false ]]; then
    missing+=("an initialized Vault at $VAULT_ADDR: it is new, run '$cli operator init'")
    return 1
  fi
  if [[ $(jq -r .sealed <<<"$status") == true ]]; then
    missing+=("an unsealed Vault at $VAULT_ADDR: it is sealed, run '$cli operator unseal'")
    return 1
  fi
  # a standby sends on what it is asked, and what the active one refuses has a code.
  [[ -n ${1:-} && $1 != *'Code: 4'* && $(jq -r '.ha_enabled == true and .is_self != true' <<<"$status") == true ]] || return 0
  active=$(jq -r '.leader_address // "" | if . == "" then "no other is" else "\(.) does not answer" end' <<<"$status")
  missing+=("an active Vault: the one at $VAULT_ADDR is a standby, and $active: $1")
  return 1
}

# what Vault says that the token may do, by path; none: it was not asked.
capabilities=

# need_vault: that it answers and is unsealed, and that the token may look at what the steps look at, and do what is to be done.
need_vault() {
  local paths lacks undone='' looking='' reason
  # whether there is an audit device is no need of a step: see audit.sh.
  paths=$(jq '[.[] | .look, .act | values | keys[]] | select(length > 0) | {paths: (. + ["sys/audit"] | unique)}' <<<"$needs") || exit 1
  # an offline root alone needs nothing of Vault.
  [[ -n $paths ]] || return 0
  capabilities=$(put sys/capabilities-self <<<"$paths" 2>"$work/error") || {
    reason=$(last_error)
    need_answer "$reason" || return 0
    missing+=("a token that Vault at $VAULT_ADDR takes, in VAULT_TOKEN or by '$cli login': $reason")
    return 0
  }
  # a repair looks at all, as every run does.
  [[ -n $repair ]] || looking=$only
  mapfile -t missing < <(lacking look "$looking" <<<"$capabilities")
  ((${#missing[@]} == 0)) || lacks_rights=true
  lacks=$(lacking act "$only" <<<"$capabilities") || exit 1
  [[ $mode == run && -n $lacks ]] || return 0
  # what is done already needs no right to do it. Where it may not even look, it can't tell, and all of it is wanted.
  undone=$only
  ((${#missing[@]} > 0)) || undone=$(to_do_steps) || exit 1
  note_lacks_ca "$undone"
  mapfile -t -O "${#missing[@]}" missing < <(lacking act "$undone" <<<"$capabilities")
  ((${#missing[@]} == 0)) || lacks_rights=true
}

# note_lacks_ca STEPS: whether the token lacks what those of these steps need that make a CA.
note_lacks_ca() {
  local steps
  steps=$(jq -r --arg steps "$1" '[to_entries[] | select(.value.ca == true and ($steps == "" or (.key | IN($steps | split(" ")[])))) | .key] | join(" ")' <<<"$needs")
  if [[ -n $steps && -n $(lacking act "$steps" <<<"$capabilities") ]]; then lacks_ca=true; fi
}

# lacking look|act STEPS: what the token lacks of what these steps need to look or to act, a line each; of all steps where none is named. Standard
# input is what Vault says of its capabilities.
lacking() {
  jq -r --argjson needs "$needs" --arg when "$1" --arg steps "$2" --arg unasked "$unasked" '(.data // .) as $has
    | [$needs | to_entries[] | select($when == "look" or .key != $unasked) | select($steps == "" or (.key | IN($steps | split(" ")[]))) | .value[$when] // {} | to_entries[]
      | ($has[.key] // []) as $may | select($may != ["root"] and .value - $may != [])
      | "the capability \(.value - $may | join(", ")) on \(.key) for the token"] | unique[]'
}

step_ids() { jq -r 'keys_unsorted[]' <<<"$needs"; }

# note_lacking: the end of --plan: what the token lacks of what a run would need for what is to do. It may look, so the plan is good all the same.
note_lacking() {
  local lacks
  [[ -n $capabilities ]] || return 0
  lacks=$(lacking act "none ${to_do[*]}" <<<"$capabilities" | sed 's/^/  - /') || return 2
  [[ -n $lacks ]] || return 0
  note_lacks_ca "none ${to_do[*]}"
  say 'a run would be refused with this token, which lacks for what is to do:'
  say "$lacks"
  say "$(say_rights)"
}

# need_step: that there is the step that --repair names.
need_step() {
  local known
  known=$(step_ids | paste -sd ' ')
  [[ " $known " == *" $repair "* ]] || bad_usage "--repair: there is no step '$repair', they are $known"
  choose_steps "$repair"
}

# print_policy: what the steps need, in HCL, sorted by path: for a check, what looking needs; for a repair, that and what the one step does;
# what makes a CA apart from the rest. What Vault's default policy gives (sys/capabilities-self) is left out.
print_policy() {
  type -P jq >/dev/null || die 'this is missing: the program jq'
  # shellcheck disable=SC2016 # it is jq's
  jq -r --arg mode "$mode" --arg only "$only" --arg repair "$repair" --arg unasked "$unasked" --argjson ca "$print_ca" '
    # as an HCL string: in `${` it would begin a template.
    def hcl: if type == "array" then "[\(map(hcl) | join(", "))]" elif type == "string" then tojson | gsub("[$][{]"; "\\u0024{") else tojson end;
    def writes: any(.capabilities[]; IN("create", "update", "patch"));
    def rights($when): . as $step | .value[$when] // {} | to_entries[]
      | {path: .key, capabilities: .value, sends: ($step.value.sends // {})[.key], step: $step.key, when: $when, ca: ($step.value.ca == true)};
    [to_entries[] | rights("look", "act")] as $all
    # what every request to a path has is required; not where the path is read, since Vault would require it there too.
    | ($all | group_by(.path) | map(select(all(.[]; (.capabilities | index("read") | not) and ((writes | not) or .sends != null)))
      | {key: .[0].path, value: ([.[] | select(writes) | .sends[] | keys] | if . == [] then [] else .[1:] as $rest | .[0] | map(select(. as $name | all($rest[]; index($name)))) end)})
      | from_entries) as $required
    | ($only == "" or $repair != "") as $every
    | def chosen: $only == "" or (.step | IN($only | split(" ")[]));
    $all | map(select(
        if $ca then .when == "act" and .ca and .step != $unasked
        elif .when == "look" then $every or chosen
        else $mode != "check" and chosen and .step != $unasked and ($only != "" or (.ca | not)) end))
    | group_by(.path)[] | .[0].path as $path
    | "path \($path | hcl) {" as $head
    | "capabilities = \(map(.capabilities[]) | unique | tojson)" as $capabilities
    | map(select(writes)) as $writes
    | if $writes == [] or any($writes[]; .sends == null) then "\($head) \($capabilities) }"
      else [$writes[].sends[] | to_entries[]] | group_by(.key) as $parameters
      | $head, "  \($capabilities)",
        (if $parameters == [] then "  denied_parameters = {", "    \("*" | hcl) = []", "  }"
        else "  allowed_parameters = {",
          ($parameters[] | "    \(.[0].key | hcl) = \(if any(.[]; .value == []) then [] else map(.value[]) | unique end | hcl)"),
          "  }" end),
        ($required[$path] // [] | select(. != []) | "  required_parameters = \(tojson)"),
        "}" end' <<<"$needs"
}

# to_do_steps: goes through the steps without a word, and prints those that are to do.
to_do_steps() {
  mode=plan
  look_around 3>/dev/null
  stop_if_missing
  steps 3>/dev/null
  printf '%s ' none "${to_do[@]}"
}

# use_namespace VARIABLE: exports the plan's namespace of Vault. Where another one is set, the Issuer would ask elsewhere than the script makes.
use_namespace() {
  local given=${!1:-}
  given=${given#/}
  given=${given%/}
  if [[ -n $given && -z $vault_namespace ]]; then
    die "$1 is set to \"$given\", and the Issuer would ask without a namespace: unset it, or set vault.namespace in the config"
  fi
  [[ -z $given || $given == "$vault_namespace" ]] ||
    die "$1 is set to \"$given\", and the Issuer would ask in \"$vault_namespace\" (vault.namespace): unset it"
  if [[ -n $vault_namespace ]]; then export "$1=$vault_namespace"; else unset "$1"; fi
}

stop_if_missing() {
  ((${#missing[@]} > 0)) || return 0
  complain 'this is missing, and nothing was changed:'
  plain "$(printf '  - %s\n' "${missing[@]}")" >&2
  [[ $lacks_rights == false ]] || plain "$(say_rights)" >&2
  exit 1
}

# say_rights: prints how a token comes to the rights that this run needs. A policy for less than all has a name of its own. A batch token lives for
# the time that it was made for: it cannot be renewed, and makes no other token.
say_rights() {
  local words=--print-policy name=${token_policy:-} within='' policies
  [[ -z $vault_namespace ]] || within="-namespace=$(printf %q "$vault_namespace") "
  if [[ $mode == check ]]; then
    words+=' --check' name+=-check
  elif [[ ${retire:-false} == true ]]; then
    words+=' --retire' name+=-retire
  elif [[ -n ${closed:-} ]]; then
    words+=" $closed" name+="-$closed"
  elif [[ -n $repair ]]; then
    words+=" --repair $repair" name+=-${repair//\//-}
  fi
  policies=-policy=$name
  printf 'an administrator who can write policies gives the rights with:\n'
  printf '    bash %q %s | %s policy write %s%s -\n' "$0" "$words" "$cli" "$within" "$name"
  if [[ $lacks_ca == true && -z $repair ]]; then
    printf '    bash %q --print-policy --ca | %s policy write %s%s-ca -\n' "$0" "$cli" "$within" "${token_policy:-}"
    policies+=" -policy=${token_policy:-}-ca"
  fi
  printf 'then put a token with these policies into VAULT_TOKEN; a token that has the policies already has the new rights at once:\n'
  printf '    %s token create %s-type=batch %s -ttl=1h\n' "$cli" "$within" "$policies"
}

# main ARGUMENT...: reads the arguments, looks for what is needed, goes through the steps.
main() {
  exec 3>&1
  mode=run
  print=false
  local only_looks=''
  cli=${MESH_CA_CLI:-}
  if [[ -z $cli ]]; then
    cli=vault
    type -P vault >/dev/null || ! type -P bao >/dev/null || cli=bao
  fi
  while (($# > 0)); do
    case $1 in
      --plan) mode=plan only_looks+=' --plan' ;;
      --check | --repair)
        [[ -n $repair_example ]] || bad_usage "unknown option '$1'"
        if [[ $1 == --check ]]; then
          mode=check only_looks+=' --check'
        else
          (($# >= 2)) || bad_usage "--repair needs a step, e.g. $repair_example"
          repair=$2
          shift
        fi
        ;;
      --print-policy) print=true ;;
      --ca)
        [[ $needs == *'"ca":true'* ]] || bad_usage "unknown option '$1'"
        print_ca=true
        ;;
      --insecure-skip-tls-verify) insecure_tls=true ;;
      --help | -h) usage && return 0 ;;
      *)
        option "$@" || bad_usage "unknown option '$1'"
        shift $((taken - 1))
        ;;
    esac
    shift
  done

  [[ ${retire:-true} == true ]] || unasked=issuer/retire
  [[ -z $repair ]] || need_step
  [[ $print_ca == false || ($print == true && $mode == run && -z $repair && ${retire:-false} == false) ]] ||
    bad_usage '--ca goes with --print-policy, and with no other option'
  [[ $print == false ]] || { print_policy && return 0; }
  [[ -z $repair || $mode == run ]] || bad_usage '--repair does, and --plan and --check only look: one of them'
  [[ $only_looks != *--plan*--check* && $only_looks != *--check*--plan* ]] || bad_usage '--plan says what is to do, --check what differs: one of them'
  [[ $mode != check || ${retire:-false} == false ]] || bad_usage '--retire does, and --check only looks: one of them; --plan --retire says what would be removed'
  work=$(mktemp -d) || die "cannot make a folder to work in, below ${TMPDIR:-/tmp}: free some room there, or set TMPDIR"
  trap 'finish $?' EXIT
  need_room
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  use_namespace VAULT_NAMESPACE
  use_namespace BAO_NAMESPACE
  # bao reads VAULT_* where its own are unset; vault knows nothing of BAO_*.
  [[ ${cli##*/} == bao ]] || unset BAO_ADDR BAO_TOKEN
  export VAULT_ADDR=${BAO_ADDR:-${VAULT_ADDR:-$server}}
  if [[ -n $ca_bundle && -z ${VAULT_CACERT:-}${VAULT_CAPATH:-}${BAO_CACERT:-}${BAO_CAPATH:-} ]]; then
    printf '%s\n' "$ca_bundle" >"$work/vault-ca.pem"
    export VAULT_CACERT=$work/vault-ca.pem
  fi
  if [[ -n $server_name && -z ${VAULT_TLS_SERVER_NAME:-}${BAO_TLS_SERVER_NAME:-} ]]; then export VAULT_TLS_SERVER_NAME=$server_name; fi
  tls_verdict >&2 || {
    refused=true
    exit 2
  }
  before_steps
  stop_if_missing
  if [[ $VAULT_ADDR == "$server" ]]; then say "Vault: $VAULT_ADDR"; else say "Vault: $VAULT_ADDR, which the clusters reach as $server"; fi
  # an agent is asked in the place of Vault.
  ! is_plain_http "${VAULT_AGENT_ADDR:-$VAULT_ADDR}" ||
    note "Vault is reached without TLS at ${VAULT_AGENT_ADDR:-$VAULT_ADDR}: an attacker on the network can read your token; use an https address"
  # the scripts that set nothing up do not ask.
  if declare -F look_at_audit >/dev/null; then look_at_audit; fi
  steps
  case $mode in
    check)
      if declare -F report_reopened >/dev/null; then report_reopened || exit 1; fi
      report_drift
      ;;
    plan) note_lacking ;;
    run)
      if declare -F reopened >/dev/null; then reopened; fi
      if [[ -z $repair ]]; then after_steps; else say "$repair is as planned"; fi
      ;;
  esac
}

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

# --- what a mount's description says -----------------------------------------------------------------------------------------------

# what the description of each mount begins with that these scripts have enabled; a mount without it was there before.
readonly MARK='cdk8s-mesh-ca: '

# description_of sys/mounts|sys/auth MOUNT: prints it; 1 where there is no such mount.
description_of() {
  local table found
  table=$(get "$1") || return 2
  # the first letter tells one without a description from none.
  found=$(jq -r --arg mount "$2/" '(.data // .)[$mount] // empty | "=\(.description // "")"' <<<"$table") || return 2
  [[ -n $found ]] || return 1
  printf '%s\n' "${found#=}"
}

# is_marked sys/mounts|sys/auth MOUNT: whether these scripts have enabled it; 1 where they have not, or where there is none.
is_marked() {
  local description rc=0
  description=$(description_of "$1" "$2") || rc=$?
  ((rc == 0)) || return "$rc"
  [[ $description == "$MARK"* ]]
}

# Evidence: what a run has to tell a later one, in words KEY=VALUE, between brackets at the end of the description of a secrets engine:
# "cdk8s-mesh-ca: CA of east [east-g1.until=2030-01-31T12:00:00Z]". A mount that is not ours can have such words too; they do not mark it.
# shellcheck disable=SC2016 # it is jq's
readonly EVIDENCE='def evidence: (capture("^(?<text>[^\u0000]*?) ?\\[(?<words>[^ =\\[\\]]+=[^ =\\[\\]]*( [^ =\\[\\]]+=[^ =\\[\\]]*)*)\\]$") // {text: ., words: ""})
  | {text, words: [.words | split(" ")[] | select(. != "") | split("=") | {key: .[0], value: .[1]}] | from_entries};'

# a time, as the words have it.
readonly TIME='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
is_time() { [[ $1 =~ $TIME ]]; }

# evidence_in MOUNT: prints its words KEY=VALUE, a line each; 1 where there is no such mount. Ours hold no line break.
evidence_in() { kept evidence "$1" read_evidence "$1"; }
read_evidence() {
  local table rc=0
  table=$(get sys/mounts) || return 2
  # 4: jq had nothing to say.
  jq -er --arg mount "$1/" "$EVIDENCE"' (.data // .)[$mount] // empty | .description // "" | evidence.words
    | to_entries | map("\(.key)=\(.value)" | select(contains("\n") | not)) | join("\n")' <<<"$table" || rc=$?
  case $rc in
    0) ;;
    4) return 1 ;;
    *) return 2 ;;
  esac
}

# evidence_of MOUNT KEY: prints the value of a word; an empty line where there is none.
evidence_of() {
  local lines value=''
  lines=$'\n'$(evidence_in "$1") || return "$?"
  [[ $lines != *$'\n'"$2="* ]] || value=${lines#*$'\n'"$2="}
  printf '%s\n' "${value%%$'\n'*}"
}

# evidence_keys MOUNT: prints the keys, a line each.
evidence_keys() {
  local lines
  lines=$(evidence_in "$1") || return "$?"
  [[ -z $lines ]] || cut -d = -f 1 <<<"$lines"
}

# record MOUNT KEY=VALUE...: writes words beside those that are there, an empty value removes one. It asks Vault to write only what changes.
record() {
  local mount=$1 before after
  shift
  # another run may have recorded something since.
  forget
  before=$(description_of sys/mounts "$mount") || return 2
  after=$(jq -nr --arg before "$before" "$EVIDENCE"' $before | evidence
    | .words += ([$ARGS.positional[] | capture("^(?<key>[^=]+)=(?<value>.*)$")] | from_entries)
    | [.text, ([.words | to_entries[] | select(.value != "") | "\(.key)=\(.value)"] | select(. != []) | "[\(join(" "))]")]
    | map(select(. != "")) | join(" ")' --args "$@") || return 2
  [[ $after == "$before" ]] || jq -n --arg description "$after" '{$description}' | put "sys/mounts/$mount/tune"
}

# vault_time: prints Vault's own time, in seconds since 1970. Vault tells it in its root namespace alone, without looking at the token. Asked
# without these words a standby answers with an error. Where the root namespace is closed (HCP), the token's expiry and its remaining lifetime
# tell the time, to the second.
vault_time() {
  local answer reason
  if answer=$(in_root_namespace read -format=json sys/health standbyok=true perfstandbyok=true 2>"$work/error"); then
    jq -e '(.data // .).server_time_utc | numbers' <<<"$answer" || return 2
    return 0
  fi
  reason=$(last_error)
  answer=$(vault read -format=json auth/token/lookup-self 2>"$work/error") || {
    complain "cannot read Vault's time: $reason; nor what the token says of it: $(last_error)"
    return 2
  }
  jq -e '.data | select((.ttl // 0) > 0) | .ttl as $ttl
    | .expire_time | capture("^(?<time>[0-9-]+T[0-9:]+)([.][0-9]+)?(Z|(?<sign>[+-])(?<h>[0-9]{2}):(?<m>[0-9]{2}))$")
    | (.h // "0" | tonumber * 3600) + (.m // "0" | tonumber * 60) as $zone
    | (.time + "Z" | fromdateiso8601) - (if .sign == "-" then -$zone else $zone end) - $ttl' <<<"$answer" 2>/dev/null || {
    complain "cannot read Vault's time: $reason. A token that expires tells it too, and this one does not: use one that was made with -ttl"
    return 2
  }
}

# is_generation PREFIX NAME: whether an issuer's name is one that these scripts give: the prefix of its cluster, and a number.
is_generation() { [[ $2 == "$1"* && ${2#"$1"} =~ ^[1-9][0-9]{0,2}$ ]]; }

# own_words MOUNT: prints the keys of what these scripts have recorded there.
own_words() { evidence_keys "$1" | grep -E '^(root|leaves[.]until|closed[.][a-z-]+|(trusts|left)[.][0-9A-F]{16}|.+-g[0-9]+[.](until|key))$' || true; }

# nothing_recorded MOUNT, forget_record MOUNT: a mount that stays is left without them.
nothing_recorded() {
  local rc=0
  description_of sys/mounts "$1" >/dev/null || rc=$?
  ((rc != 1)) || return 0
  ((rc == 0)) || return "$rc"
  [[ -z $(own_words "$1") ]]
}
forget_record() {
  local -a words
  mapfile -t words < <(own_words "$1")
  record "$1" "${words[@]/%/=}"
}

# --- who did what: Vault's audit devices --------------------------------------------------------------------------------------------

# look_at_audit: warns where Vault keeps no record of what it does. To look takes sudo, which no step needs: a token without it is not asked
# for it, and does not try, since a refused request is what an audit log is watched for.
look_at_audit() {
  local table
  [[ -n $capabilities && -z $repair ]] || return 0
  # Vault has sys/audit in its root namespace alone.
  if [[ -n $vault_namespace ]]; then
    note "the audit devices of Vault belong to its root namespace, which a token of $vault_namespace does not see: ask somebody who does whether there is one"
    return 0
  fi
  if ! jq -e '(.data // .)["sys/audit"] // [] | . == ["root"] or ["read", "sudo"] - . == []' <<<"$capabilities" >/dev/null; then
    note 'this token may not see whether Vault has an audit device (read and sudo on sys/audit): ask somebody who may'
  elif ! table=$(vault read -format=json sys/audit 2>"$work/error"); then
    note "whether Vault has an audit device could not be read: $(last_error)"
  elif ! jq -e '.data // {} | length > 0' <<<"$table" >/dev/null; then
    note "WARNING: Vault has no audit device, so nobody can tell later who had what signed. To enable one: $cli audit enable file file_path=…"
  fi
}

# --- the CAs that these scripts have made --------------------------------------------------------------------------------------------------

# Nothing in Vault proves who made a CA: whoever can write there can import one with its key, under any name. So each run that makes a CA adds its
# certificate to a file beside the config, as root.pem is for the root, and a CA that is in no such file is not used. The files are public: keep
# them in Git, beside the config.
# A mount's name can hold "_", and no "+".
ca_file() { printf '%s' "${1//\//+}.ca.pem"; }

# known_in MOUNT: prints the fingerprints of the CAs that the file of this mount has.
known_in() {
  local file
  file=$(ca_file "$1")
  [[ -f $file ]] || return 0
  kept cas "$1" each_certificate fingerprint <"$file"
}

# is_known_ca MOUNT CERTIFICATE
is_known_ca() {
  local print
  print=$(fingerprint <<<"$2") && grep -xF -- "$print" >/dev/null <<<"$(known_in "$1")"
}

# remember_ca MOUNT CERTIFICATE: adds it to the file. A run does so before the CA is in Vault, so that one that is stopped in between can go on.
remember_ca() {
  local file before=''
  ! is_known_ca "$1" "$2" || return 0
  file=$(ca_file "$1")
  [[ ! -f $file ]] || before=$(each_certificate x509 <"$file")
  printf '%s\n' ${before:+"$before"} "$2" | write_beside "$file" || die "cannot write $file in $PWD, which has to name the CA: $(last_error)"
  forget
  say "      written: $PWD/$file; keep it in Git beside the config"
}

# how_to_accept_ca MOUNT PATH: how a CA that no file names is accepted, after its fingerprint was compared.
how_to_accept_ca() {
  printf 'no file beside the config names it, so nothing proves who made it. If you know its SHA-256 from the run that made it, accept it: %s read -field=certificate %s | openssl x509 >>%s; then run this again. If nobody knows it, somebody else put it there' \
    "$cli" "$2" "$(ca_file "$1")"
}

# need_proof WHAT OF: a run that would use what nothing beside the config proves is refused, a plan says so, and to a check it is drift.
need_proof() {
  case $mode in
    check) stray "$2" ;;
    plan) note "a run would be refused: $2" ;;
    *) missing+=("$1 $2") ;;
  esac
}

# --- a cluster -------------------------------------------------------------------------------------------------------------------

repair_example=role/write
take_over=false
retire=false
# the step that is done as far as it can be, and waits for something else.
left_open=
# whether what emergency.sh has closed is to be opened again.
reopen=false
# whether a change of the root goes on without its waits.
urgent=false
options_usage=' [--take-over] [--retire] [--reopen] [--urgent NAME]'
options_help='  --take-over         write over what has a planned name and is of another maker
  --retire            remove the CAs of other generations once the last certificate under them has ended; refused before. With
                      --print-policy: what that needs too
  --reopen            open again what emergency.sh has closed; without it a run is refused
  --urgent NAME       change the root without waiting until every workload trusts it; NAME is the name of the cluster. It breaks
                      connections, and says which
'
if [[ $intermediate_key == exported ]]; then
  options_usage+=' [--exported-key FILE]'
  options_help+='  --exported-key FILE a new file for the key of the intermediate CA, which the config exports; needed once
'
fi

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  if declare -F offline_option >/dev/null && offline_option "$@"; then return 0; fi
  taken=1
  if [[ $1 == --take-over ]]; then
    take_over=true
  elif [[ $1 == --retire ]]; then
    retire=true
  elif [[ $1 == --reopen ]]; then
    reopen=true
  elif [[ $1 == --urgent ]]; then
    (($# >= 2)) || bad_usage "--urgent needs the name of the cluster, $cluster"
    [[ $2 == "$cluster" ]] || refuse "--urgent: '$2' is not the name of the cluster, which is '$cluster': nothing was changed"
    urgent=true
    taken=2
  elif [[ $1 == --exported-key && $intermediate_key == exported ]]; then
    (($# >= 2)) || bad_usage "$1 needs a file"
    exported_key_file=$2
    taken=2
  else
    return 1
  fi
}

before_steps() {
  local -a namespaces
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  mapfile -t namespaces < <(printf '%s\n' "$issuer_namespace" "$csr_namespace" "$root_namespace" | sort -u)
  need_namespaces "${namespaces[@]}"
  # a check does nothing in the cluster.
  [[ ${#missing[@]} -gt 0 || $mode == check ]] || need_rights
  [[ ${#missing[@]} -gt 0 || $mode == check || -z $root_kind ]] || need_root_place
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already is looked at before anything is changed, and what is of another maker is not taken for ours.
look_around() {
  local rc=0
  need_open
  find_root || return 0
  need_known_root
  forget_signers
  look_at_ca "$intermediate_mount" || rc=$?
  ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
  if ((rc == 1)); then
    [[ -n $signer_ca ]] || missing+=("the policy CA in Vault's mount $signer: run dist/root/setup.sh first")
    need_known_former
    [[ $take_over == true || $mode == check ]] || has_former || need_free_names
    need_key_file
  elif ((rc == 0)) && [[ $take_over == false && $mode != check ]]; then
    need_own_names
  fi
  need_retirable "$rc"
  # one step alone needs no more rights than its own.
  [[ -n $only ]] || report_other_logins
  look_at_way_in
}

# closed_here: prints what emergency.sh has closed of what this run is about, a line each: the command, and when.
closed_here() {
  local name ids id at rc
  while IFS=: read -r name ids; do
    for id in $ids; do
      [[ -z $only || " $only " == *" $id "* ]] || continue
      rc=0
      at=$(evidence_of "$intermediate_mount" "closed.$name") || rc=$?
      ((rc <= 1)) || return 2
      [[ -z $at ]] || printf '%s at %s\n' "$name" "$at"
      break
    done
  done <<<"$closings"
}

# need_known_root: what every workload is to trust, and what is signed below it, depends on the root, and whoever can write to Vault could have put
# another one there, with a certificate of the other one for the name and the key of ours.
need_known_root() {
  [[ -n $known_root ]] ||
    need_proof 'a root certificate to compare with' "the root in $root_mount, $(described "$root"): $(how_to_accept_root)"
}

# what --reopen was given for: what was closed when this run began, a line each.
agreed=

# need_open: what a person has closed stays closed, until a person says that it may be opened.
need_open() {
  local found
  found=$(closed_here) || exit 1
  [[ $reopen == false ]] || agreed=$found
  [[ -n $found ]] || return 0
  found=${found//$'\n'/, }
  if [[ $mode != run ]]; then
    note "closed by emergency.sh: $found. A run is refused until --reopen says that it may be opened again"
  elif [[ $reopen == false ]]; then
    die "emergency.sh has closed this: $found. A run would open it again, so nothing was changed. Once the cause is dealt with, as emergency.md beside this script says: bash $0${repair:+ --repair $repair} --reopen"
  fi
}

# need_still_open: the same for one step, just before it writes: emergency.sh may have closed it while this run was going on. --reopen opens
# what was closed when the run began, and nothing else.
need_still_open() {
  local only=$step_id found line
  # a step that emergency.sh does not take back is never closed.
  [[ " ${closings//$'\n'/ } " == *" $step_id "* ]] || return 0
  forget
  found=$(closed_here) || exit 1
  while IFS= read -r line; do
    [[ -z $line ]] || grep -xF -- "$line" >/dev/null <<<"$agreed" ||
      die "emergency.sh has closed this while this run was going on: $line. Nothing more was changed. Once the cause is dealt with, as emergency.md beside this script says: bash $0 --reopen"
  done <<<"$found"
}

# report_reopened: what is recorded as closed and is as planned all the same has been opened by something else than --reopen.
report_reopened() {
  local name ids id at
  local -a open
  while IFS=: read -r name ids; do
    at=$(evidence_of "$intermediate_mount" "closed.$name") || return 2
    [[ -n $at ]] || continue
    open=()
    for id in $ids; do [[ " ${to_do[*]} " == *" $id "* ]] || open+=("$id"); done
    ((${#open[@]} == 0)) ||
      stray "emergency.sh recorded $name at $at, and this is as planned all the same: ${open[*]}. To close it again: bash ${0%/*}/emergency.sh $name; if it was opened on purpose: bash $0 --reopen"
  done <<<"$closings"
}

# reopened: the end of a run: what was closed is open again, so the record of it goes.
reopened() {
  local found name
  local -a words=()
  [[ $reopen == true ]] || return 0
  forget
  found=$(closed_here | grep -xF -- "$agreed") || true
  while IFS= read -r name; do [[ -z $name ]] || words+=("closed.${name%% *}="); done <<<"$found"
  ((${#words[@]} > 0)) || return 0
  record "$intermediate_mount" "${words[@]}" >/dev/null
  say "opened again, and no longer recorded as closed: ${found//$'\n'/, }"
}

# report_other_logins: a way in that the config had before is open until somebody closes it.
report_other_logins() {
  local table name
  table=$(get sys/auth) || exit 1
  while IFS= read -r name; do
    [[ -z $name ]] || stray "cert-manager may still log in at auth/$name, which an earlier config planned; to close it: $cli auth disable $(printf %q "$name")"
  done < <(jq -r --arg mark "$login_mark" --arg mount "$login_mount/" '(.data // .) | to_entries[]
    | select((.value | type) == "object" and .value.description == $mark and .key != $mount) | .key | rtrimstr("/")' <<<"$table")
  report_foreign_logins
  # a mount that clusters share may serve others.
  if [[ $login_shared == false ]] || is_marked sys/auth "$login_mount"; then report_tuning sys/auth "$login_mount" || exit 1; fi
}

# need_free_names: the CA is the first thing that is made, so without it whatever has a planned name is of another maker.
need_free_names() {
  local pair rc=0
  mount_is "$intermediate_mount" pki || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || need_free_mount "$intermediate_mount" intermediate.mount
  for pair in "$policy_path policy.name" "$own_auth"; do
    found_at "${pair% *}" && not_ours "${pair% *}" "${pair##* }"
  done
  need_free_logins
}

# need_free_logins: before anything is made for this cluster, an auth mount of its own is enabled by these scripts, and lets nobody in. In one
# that clusters may share, nobody has the planned policy.
need_free_logins() {
  local found rc=0
  if [[ $login_shared == false ]]; then
    description_of sys/auth "$login_mount" >/dev/null || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || return 0
    is_marked sys/auth "$login_mount" || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || not_ours "the auth mount auth/$login_mount" "${own_auth##* }"
  fi
  rc=0
  found=$(foreign_logins) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || not_ours "the auth mount auth/$login_mount, with its role ${found%%$'\n'*}" "${own_auth##* }"
}

# need_own_names: with the CA in place, a name that was changed in the config may have become one of another maker's. The login is ours where
# it gives the planned policy, has the planned role ID, or stands in a mount that was enabled for this cluster; the policy is, where our login
# gives it, or where it is about our mount.
need_own_names() {
  local login policy rc=0
  login=$(get "$login_path") || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 0)) && jq -e --arg policy "${policy_path##*/}" '.data.token_policies // [] | index($policy)' <<<"$login" >/dev/null; then return 0; fi
  if ((rc == 0)) || found_at "${own_auth% *}" || own_mount_there; then
    is_own_login || not_ours "${own_auth% *}" "${own_auth##* }"
  fi
  rc=0
  policy=$(get "$policy_path") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || [[ $(jq -r '.data.policy // ""' <<<"$policy") == *"\"$intermediate_mount/"* ]] || not_ours "$policy_path" policy.name
}

# own_mount_there: whether an auth mount that is this cluster's alone is there.
own_mount_there() { [[ $login_shared == false ]] && description_of sys/auth "$login_mount" >/dev/null; }

# is_own_login: by what is not the policy.
is_own_login() {
  local found description
  if [[ -z ${role_id:-} ]]; then
    description=$(description_of sys/auth "$login_mount") || return 1
    [[ $description == "$login_mark" ]]
  else
    found=$(get "$login_path/role-id") && [[ $(jq -r '.data.role_id // ""' <<<"$found") == "$role_id" ]]
  fi
}

# found_at PATH: whether Vault holds anything there.
found_at() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  return "$rc"
}

# write_role PATH: writes the PKI role. Whether a request can choose its own end is a field of OpenBao's roles: it is written where the server
# answers with it. Vault does not know it, and the policy of the login refuses that.
write_role() {
  local found
  jq 'del(.not_after_bound)' <<<"$wanted" | put "$1"
  found=$(get "$1")
  ! jq -e '.data | has("not_after_bound")' <<<"$found" >/dev/null || write_fields "$1"
}

not_ours() { missing+=("another name than $1, which is there already and not of this CA: set $2 in the config; or --take-over"); }

# need_key_file: an exported key is handed out once, so the file for it is wanted before the key is made.
need_key_file() {
  [[ $intermediate_key == exported && $mode == run ]] || return 0
  if [[ -z $exported_key_file ]]; then
    missing+=('a file for the exported key of the intermediate CA: --exported-key FILE')
  elif [[ -e $exported_key_file ]]; then
    missing+=("a new file for the exported key: $exported_key_file is there already, and is not overwritten")
  fi
}

after_steps() {
  local end="cluster $cluster is ready in Vault: $trial_done trials passed"
  ((trial_done > 0)) || end="cluster $cluster is set up in Vault, and not tried"
  [[ -z $left_open ]] || end+="; still open, as said above: $left_open"
  say "$end. next: README.md beside this script"
}

# --- a CA that is made here, on a mount of its own

exported_key_file=

# use_ca MOUNT: what the plan says of the CA of this mount.
use_ca() {
  local -a of
  mapfile -t of < <(jq -r --arg mount "$1" '.[] | select(.mount == $mount)
    | .common_name, .key, .key_type, .key_bits, .max_path_length, .seconds, .signer, .signer_ref, .sign_path, (.sign | tojson), .key_name, .subject, .permitted' <<<"$cas")
  mount=$1 common_name=${of[0]} key_mode=${of[1]} ca_type=${of[2]} ca_bits=${of[3]} max_path_length=${of[4]} ca_seconds=${of[5]}
  signer=${of[6]} signer_ref=${of[7]} signer_path=${of[8]} sign_fields=${of[9]} key_name=${of[10]} ca_subject=${of[11]} ca_permitted=${of[12]}
}

# the issuers of a mount that have a key, the default first: what is asked of each, by its place, and all of it in Vault's words. Read once,
# until something is written.
signer_ids=()
signer_names=()
signer_keys=()
signer_certificates=()
signer_chains=()
signers=()
signers_of=
default_id=
follows_latest=
# the planned CA, as it was found among them.
found_issuer=
found_ca=
forget_signers() { signers_of='' found_ca=''; }

# read_signers: sets them for the CA's mount; 1 where there is no such mount.
read_signers() {
  local id answer answers='' rc=0
  [[ $signers_of != "$mount" ]] || return 0
  answer=$(get "$mount/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  pick '.data | .default // "", .default_follows_latest_issuer // false' <<<"$answer" || return 2
  # shellcheck disable=SC2034 # the generations of a cluster's CA ask for it
  default_id=${picked[0]} follows_latest=${picked[1]}
  keys_of "$mount/issuers" || true
  for id in "${listed[@]}"; do answers+=$(get "$mount/issuer/$id")$'\n' || return 2; done
  # the certificates above stand here too, without their keys.
  # shellcheck disable=SC2016 # it is jq's
  pick -s --arg id "$default_id" 'map(select((.data.key_id // "") != "")) | sort_by(.data.issuer_id != $id)[]
    | (.data | .issuer_id, .issuer_name // "", .key_id, .certificate, (.ca_chain // [] | join("\n"))), .' <<<"$answers" || return 2
  signer_ids=() signer_names=() signer_keys=() signer_certificates=() signer_chains=() signers=()
  set -- "${picked[@]}"
  while (($# > 0)); do
    signer_ids+=("$1") signer_names+=("$2") signer_keys+=("$3") signer_certificates+=("$4") signer_chains+=("$5") signers+=("$6")
    shift 6
  done
  # what is not there, another run may make at any time.
  ((${#signers[@]} == 0)) || signers_of=$mount
}

# find_ca MOUNT: sets `issuer` and `ca` where the mount holds the planned CA, with its key, below the root.
find_ca() {
  local rc=0
  if [[ -n ${generation:-} && -n $found_ca && $mount == "$1" && $signers_of == "$1" ]]; then
    issuer=$found_issuer ca=$found_ca
    return 0
  fi
  use_ca "$1"
  # a cluster's mount may hold further CAs of ours: there the default need not be the planned one.
  if [[ -n ${generation:-} ]]; then find_generation || rc=$?; else issuer=$(issuer_of "$mount") || rc=$?; fi
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  found_issuer=$issuer found_ca=$ca
}

# look_at_ca MOUNT: the same; where it is to be made, what will sign it has to be fit for that, where it is there already: `signer_ca`.
look_at_ca() {
  local found rc=0 path fits=1
  find_ca "$1" || rc=$?
  ((rc != 0)) || need_known_ca "$ca" "$issuer"
  ((rc == 1)) || return "$rc"
  signer_ca=$root
  if [[ $signer != "$root_mount" ]]; then
    rc=0
    signer_ca=
    found=$(issuer_of "$signer" "$signer_ref") || rc=$?
    ((rc <= 1)) || return 2
    ((rc == 1)) || signer_ca=$(jq -r .data.certificate <<<"$found" | first_certificate) || return 2
  fi
  [[ -n $signer_ca ]] || return 1
  # what an offline root signs is looked at when it comes.
  if [[ -n $signer ]]; then
    lives_for "$ca_seconds" "$signer_ca" "the CA in $signer" || fits=
    may_sign_for "$ca_seconds" "$signer" "$signer_ref" 'the CA' || fits=
    [[ -n $fits ]] || return 2
  fi
  path=$(path_of "$signer_ca")
  if ((path != -1 && path <= (max_path_length > 0 ? max_path_length : 0))); then
    complain "${signer:-the root} ($(described "$signer_ca")) allows $path CAs below it, and $mount needs $(((max_path_length > 0 ? max_path_length : 0) + 1)): use a root that allows more, or fewer policyCas"
    return 2
  fi
  return 1
}

# need_known_ca CERTIFICATE ISSUER: that a CA of this mount is one that these scripts made, or that somebody accepted.
need_known_ca() {
  is_known_ca "$mount" "$1" ||
    need_proof 'a proof of who made' "the CA in $mount, $(described "$1"): $(how_to_accept_ca "$mount" "$mount/issuer/$(jq -r .data.issuer_id <<<"$2")")"
}

# need_free_mount MOUNT KEY: without the planned CA, what else its mount holds is not managed by these scripts. In a mount that they enabled, a
# stopped run leaves a key; it is never used, and report_other_signers names it.
need_free_mount() {
  local rc=0
  keys_of "$1/roles" && not_ours "the mount $1, with its role ${listed[0]}" "$2"
  keys_of "$1/issuers" && not_ours "the mount $1, with its issuers" "$2"
  is_marked sys/mounts "$1" || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || ! keys_of "$1/keys" || not_ours "the mount $1, with its key ${listed[0]}" "$2"
  return 0
}

# ca_present MOUNT: whether it is there; says what a reader should know of it.
ca_present() {
  local rc=0
  find_ca "$1" || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -z ${generation:-} ]] || has_its_name || return 1
  still_signs || return 2
  note "the CA is $(described "$ca"), until $(end_of <<<"$ca")"
  report_differences
  [[ -z ${generation:-} ]] || { report_end && report_signer; }
  report_other_signers
}

# how another CA is made in the place of one; of a policy CA, whose mount holds one alone.
another_ca='choose another mount for it in policyCas of mesh-ca.yaml, raise intermediate.generation of each cluster below it, synthesize, and run dist/root/setup.sh and then the setup.sh of each cluster'

# still_signs: whether Vault lets the planned CA sign; says what is wrong, and the way on.
still_signs() {
  local reason
  reason=$(unfit "$mount" "$issuer") || return 2
  [[ -n $reason ]] || return 0
  complain "the CA $(described "$ca") in $mount $reason; for another CA: $another_ca"
  return 1
}

# is_planned_ca ISSUER: says what is wrong where it is not, else sets `ca` to its certificate.
is_planned_ca() {
  local certificate cn reason weak way=''
  pick '.data | .certificate, (.ca_chain // [] | join("\n")), .key_id // ""' <<<"$1" || return 1
  certificate=$(first_certificate <<<"${picked[0]}") || return 1
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ($(described "$certificate")) than the planned '$common_name'"
  elif [[ -z ${picked[2]} ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate" "${picked[1]}"; then
    reason="holds a CA that does not verify to the root $root_place ($(unverified))"
    [[ -z ${generation:-} ]] || way=', or raise intermediate.generation, where the root is another one now'
  elif weak=$(weakness <<<"$certificate") && [[ -n $weak ]]; then
    reason="holds a CA ($(described "$certificate")) that $weak"
  else
    ca=$certificate
    return 0
  fi
  complain "$mount $reason: CA material is never replaced here; choose another mount in the config$way"
  return 1
}

# report_differences: a CA that was made with other settings than those of today is kept.
report_differences() {
  local path names
  x509 -noout -text <<<"$ca" | has_planned_key || note "its key is not $ca_type with $ca_bits bits, as the plan says; it is kept"
  report_subject "$ca" "$ca_subject"
  path=$(path_of "$ca")
  [[ $path == "$max_path_length" ]] ||
    note "its path length is ${path/#-1/without a bound}, the plan says $max_path_length; it is kept"
  names=$(permitted_of <<<"$ca")
  [[ $names == "$ca_permitted" ]] || note "of names it may sign ${names:-any}, the plan says ${ca_permitted:-any}; it is kept"
}

# permitted_of: the name constraints of the certificate on standard input, as the plan writes them. Names that it excludes are marked, since the
# plan has none.
permitted_of() {
  x509 -noout -ext nameConstraints 2>/dev/null |
    sed -n '/^ *Permitted:$/d; /^ *Excluded:$/,$ s/^ *\([A-Za-z ]*:.\)/excluded \1/p; s/^ *\([A-Za-z ]*:.\)/\1/p' | sort | paste -sd, -
}

# report_other_signers: what else the mount can sign with: further issuers; keys without a certificate, which a stopped run leaves; further
# roles, which sign with this CA what the plan knows nothing of. They are named, and left alone.
report_other_signers() {
  local used id planned i
  pick '.data | .key_id, .issuer_id' <<<"$issuer" || return 2
  used=" ${picked[0]}" planned=${picked[1]}
  read_signers || return 2
  for i in "${!signers[@]}"; do
    id=${signer_ids[i]}
    [[ $id != "$planned" ]] || continue
    used+=" ${signer_keys[i]}"
    # of those of other generations the step issuer/retire speaks.
    [[ -z ${generation:-} ]] || ! is_own "$i" || continue
    stray_issuer "$mount" "$id" "${signer_certificates[i]}"
  done
  keys_of "$mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || stray "key $id has no certificate, a stopped run left it; to remove it: $cli delete $mount/key/$id"
  done
  keys_of "$mount/roles" || true
  for id in "${listed[@]}"; do
    [[ $mount/roles/$id == "${role_path:-}" ]] ||
      stray "role $mount/roles/$id signs with this CA too, and is not of the plan; to remove it: $cli delete $mount/roles/$id"
  done
  report_pki_settings "$mount"
}

# has_planned_key: whether the text of a certificate or of a request, on standard input, shows a key as the plan has it.
has_planned_key() {
  local text algorithm=rsaEncryption
  text=$(cat)
  [[ $ca_type == rsa ]] || algorithm='id-ecPublicKey'
  grep "Public Key Algorithm: $algorithm" <<<"$text" >/dev/null && grep "Public-Key: ($ca_bits bit" <<<"$text" >/dev/null
}

# request_ca: sets `csr`. The key is made in the same run: nothing in Vault proves that a key which is there already was made by an earlier
# run. Only intermediate.reuseKey takes the key of a CA that was verified.
request_ca() {
  local response key_file former_key='' rc=0
  ((${generation:-1} == 1)) || prepare_generation
  if [[ $key_mode == exported ]]; then
    response=$(put "$mount/intermediate/generate/exported" <<<"$wanted")
    # opened once, as a new file: nobody can put another file or a symbolic link in its place in between.
    set -o noclobber
    { exec {key_file}>"$exported_key_file"; } 2>/dev/null || die "cannot write $exported_key_file: the key that it was for is not used"
    set +o noclobber
    printf '%s' "$response" | jq -r .data.private_key >&"$key_file" || {
      # what is cut off is no key, and would be in the way of the next run.
      rm -f -- "$exported_key_file"
      die "cannot write $exported_key_file: the key that it was for is not used"
    }
    exec {key_file}>&-
    note "the key of the CA is in $exported_key_file: keep it in a safe place"
    csr=$(printf '%s' "$response" | jq -r .data.csr)
    return 0
  fi
  if [[ -n $former_key ]]; then
    key_id=$former_key
    request_with_key "$key_id"
    return 0
  fi
  # the planned name can be taken once, so of two runs at the same time one fails here.
  get "$mount/key/$key_name" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 0)); then
    note "a key named $key_name is in $mount already, and it is not used: nothing proves who made it"
    key_name+=-$(openssl rand -hex 4)
  fi
  response=$(jq --arg key "$key_name" '. + {key_name: $key}' <<<"$wanted" | put "$mount/intermediate/generate/internal")
  pick '.data | .csr, .key_id' < <(printf '%s' "$response")
  # shellcheck disable=SC2034 # an offline request records the ID.
  csr=${picked[0]} key_id=${picked[1]}
}

# request_with_key KEY: sets `csr` to a request of a key that is in the mount. Vault takes no type and bits for it.
request_with_key() {
  csr=$(jq --arg key "$1" 'del(.key_type, .key_bits) + {key_ref: $key}' <<<"$wanted" | put "$mount/intermediate/generate/existing" | jq -r .data.csr)
  openssl req -noout -text <<<"$csr" | has_planned_key ||
    die "the key $1 in $mount is not $ca_type with $ca_bits bits, as the plan says: plan it so, or have another key made"
}

public_key_of_request() { openssl req -noout -pubkey; }

# issue_ca MOUNT: key, signature and import are one step, so that a rerun never replaces a CA that a mesh trusts.
issue_ca() {
  local csr bundle rc=0
  use_ca "$1"
  if ((${generation:-1} > 1)); then
    # one that a stopped run has left needs its name alone.
    prepare_generation
    find_ca "$1" || rc=$?
    ((rc <= 1)) || exit 1
    if ((rc == 0)); then
      name_issuer "$issuer" "${issuer_name:-}"
      # what is wrong with it is said already; another one is not made in its place.
      ca_present "$1" || exit 1
      return 0
    fi
  fi
  request_ca
  bundle=$(jq -n --arg csr "$csr" --argjson sign "$sign_fields" '{$csr} + $sign' | put "$signer_path" | jq -r .data.certificate)
  verified "$root" "$(first_certificate <<<"$bundle")" "$bundle" || die "what $signer signed does not verify to the root"
  import_ca "$bundle"
}

# import_ca BUNDLE: the CA first, then what is above it. `csr` is the request that it was signed for: the CA that the mount holds then must have
# the same key.
import_ca() {
  local imported rc=0
  forget_signers
  find_ca "$mount" || rc=$?
  ((rc != 0)) || die "$mount holds the planned CA by now ($(described "$ca")), and this run did not import it: another run made it at the same time, or somebody else did"
  ((rc == 1)) || exit 1
  remember_ca "$mount" "$(first_certificate <<<"$1")"
  imported=$(vault write -format=json "$mount/intermediate/set-signed" certificate=- <<<"$1")
  set_first_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  forget_signers
  find_ca "$mount" || die "$mount does not hold the CA that was just imported"
  [[ $(x509 -noout -pubkey <<<"$ca") == "$(public_key_of_request <<<"$csr")" ]] ||
    die "the CA in $mount ($(described "$ca")) does not have the key that this run requested a certificate for: somebody else put it there at the same time. Do not use it"
  ((${generation:-1} == 1)) || name_issuer "$issuer" "${issuer_name:-}"
  ca_present "$mount" || die "$mount does not hold the CA that was just imported"
}

# set_first_issuer ID: set-signed makes the first issuer of a mount its default. Where there is one by now, another run at the same time made
# it, and it stays.
set_first_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ -n $(jq -r '.data.default // ""' <<<"$config") ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}

# --- generations: the CAs of a cluster, as issuers beside each other on its mount ----------------------------------------------------
#
# The issuer of generation N is called PREFIXN. The only one of a mount, which is the first, has no name until there is a second.

readonly issuer_name=$issuer_prefix$generation
another_ca="raise intermediate.generation of $cluster in mesh-ca.yaml, synthesize and run this again"

# issuer_named NAME: sets `at` to its place among the signers; 1 where there is none.
issuer_named() {
  for at in "${!signers[@]}"; do [[ ${signer_names[at]} != "$1" ]] || return 0; done
  return 1
}

# is_own_name NAME, own_names: whether an issuer's name is one of ours; those that are there, by number.
is_own_name() { is_generation "$issuer_prefix" "$1"; }
own_names() {
  local i
  local -a own=()
  for i in "${!signer_names[@]}"; do
    if is_own "$i"; then own+=("${signer_names[i]}"); fi
  done
  ((${#own[@]} == 0)) || printf '%s\n' "${own[@]}" | sort -V
}

# is_own PLACE, is_known PLACE: whether the CA at this place among the signers is one of ours: by its name, and by its certificate, since whoever
# can write to Vault gives any name.
is_own() { is_own_name "${signer_names[$1]}" && is_known "$1"; }
is_known() { is_known_ca "$mount" "$(first_certificate <<<"${signer_certificates[$1]}")"; }

# nameless COMMON-NAME: sets `at` to the place of the CA of this name, below the root, that is not called as ours are: the first, or what a
# stopped run left; 1 where there is none. One that is known comes before others, which anybody can have put there.
nameless() {
  local certificate found=''
  for at in "${!signers[@]}"; do
    ! is_own_name "${signer_names[at]}" || continue
    certificate=$(first_certificate <<<"${signer_certificates[at]}")
    [[ $(subject_cn <<<"$certificate") == "$1" ]] || continue
    # while the root is being replaced, the CA before the planned one is below the root before.
    verified "$root"$'\n'"$also_trust" "$certificate" "${signer_chains[at]}" || continue
    ! is_known "$at" || return 0
    found=${found:-$at}
  done
  at=$found
  [[ -n $found ]]
}

# find_generation: sets `issuer` to the CA of the planned generation; 1 where it is to be made. One that nothing proves is found last, and is
# refused then.
find_generation() {
  local at rc=0
  read_signers || rc=$?
  ((rc == 0)) || return "$rc"
  if { issuer_named "$issuer_name" && is_known "$at"; } || nameless "$common_name" || issuer_named "$issuer_name"; then
    issuer=${signers[at]}
    return 0
  fi
  may_be_made || return 2
  return 1
}

# may_be_made: whether a CA of the planned generation can be made beside what is there. Says what is wrong.
may_be_made() {
  local highest at ca
  highest=$(own_names | sed "s/^$issuer_prefix//" | tail -n 1)
  if [[ -n $highest ]] && ((highest > generation)); then
    complain "the CA of generation $generation is not in $mount (any more), and that of generation $highest is: none is made again. Set intermediate.generation to $highest, or to $((highest + 1)) for a new one"
    return 1
  fi
  [[ -z $highest && -n $default_id ]] || return 0
  # a mount from before there were generations.
  ((generation == 1)) || ! nameless "$first_common_name" || return 0
  issuer=$(get "$mount/issuer/$default_id") || return 1
  is_planned_ca "$issuer"
}

# has_former: whether a CA of another generation is there, so that the mount is ours.
has_former() {
  local at
  for at in "${!signers[@]}"; do
    if is_own "$at" && verified_former >/dev/null; then return 0; fi
  done
  ((generation > 1)) && nameless "$first_common_name" && is_known "$at"
}

# need_known_former: where the CA of another generation is there by its name, it has to be known: a new CA takes its place beside it.
need_known_former() {
  local at
  for at in "${!signers[@]}"; do
    ! is_own_name "${signer_names[at]}" || need_known_signer "$at"
  done
  ((generation == 1)) || ! nameless "$first_common_name" || need_known_signer "$at"
}
need_known_signer() { need_known_ca "$(first_certificate <<<"${signer_certificates[$1]}")" "${signers[$1]}"; }

# has_its_name: whether the CA that was found is called as it should be. The first needs no name as long as it is the only one.
has_its_name() { ((generation == 1)) || [[ $(jq -r .data.issuer_name <<<"$issuer") == "$issuer_name" ]]; }

# report_end: the alerts of its end and the timeline count from the day that the config has of it.
report_end() {
  local day
  day=$(second_of_end <<<"$ca" | jq -r 'todateiso8601[:10]') || return 2
  if [[ -n $config_end && $config_end != "$day" ]]; then
    stray "intermediate.notAfter is $config_end, and it ends on $day: the timeline, and alerts of its end, count from a wrong day; write \"$day\""
  elif [[ -z $config_end && $watched == true ]]; then
    note "no alert counts to its end yet: write intermediate.notAfter: \"$day\", and synthesize"
  fi
}

# report_signer: it goes on signing below a CA that was revoked, or that is not the planned one any more, until the next generation.
report_signer() {
  local above certificate rc=0
  [[ -n $signer ]] || return 0
  above=$(issuer_of "$signer" "$signer_ref") || rc=$?
  ((rc <= 1)) || return 2
  ((rc == 0)) || return 0
  certificate=$(jq -r .data.certificate <<<"$above" | first_certificate) || return 2
  if ! signed_by "$ca" "$certificate"; then
    stray "it was signed by another CA than the one in $signer, $(described "$certificate"); for one below that: $another_ca"
  elif jq -e '.data.revoked == true' <<<"$above" >/dev/null; then
    stray "the CA that signed it, $(described "$certificate") in $signer, is revoked; once there is another one in its place: $another_ca"
  fi
}

# prepare_generation: a second CA is about to be made: the first one gets its name, and the default stays where it is until it is moved. Sets
# `former_key` where the new one takes the key of the one before.
prepare_generation() {
  local former at
  forget_signers
  read_signers || return 0
  [[ $reuse_key == false ]] || refuse_revoked_key
  [[ -n $(own_names) ]] || ! nameless "$first_common_name" || ! is_known "$at" || name_issuer "${signers[at]}" "${issuer_prefix}1"
  [[ $follows_latest == false ]] || set_default "$default_id"
  [[ $reuse_key == true ]] || return 0
  # of the default, where it is one of ours; else of the last one.
  former=$(called "$default_id")
  is_own_name "$former" || former=$(own_names | tail -n 1)
  [[ -z $former ]] || ! issuer_named "$former" || ! is_known "$at" || ! verified_former || former_key=${signer_keys[at]}
  [[ -n $former_key ]] || note 'there is no CA before it whose key it could take: it gets a new one'
}

# refuse_revoked_key: a CA is revoked because somebody else may have its key, so the next generation gets another one.
refuse_revoked_key() {
  local i
  for i in "${!signers[@]}"; do
    ! jq -e '.data.revoked == true' <<<"${signers[i]}" >/dev/null ||
      die "intermediate.reuseKey: a CA in $mount is revoked, $(described "$(first_certificate <<<"${signer_certificates[i]}")"), so somebody else may have its key. Set intermediate.reuseKey to false, synthesize, and run this again: the next CA gets a key of its own"
  done
}

# verified_former: whether the CA at the place `at` is below the root, or below one that is trusted beside it: a name alone is no proof.
verified_former() {
  # shellcheck disable=SC2034 # `verified` reads it: an expired CA was ours all the same.
  local certificate anytime=true
  certificate=$(first_certificate <<<"${signer_certificates[at]}")
  verified "$root"$'\n'"$also_trust" "$certificate" "${signer_chains[at]}" && return 0
  note "the CA $(described "$certificate") in $mount does not verify to the root, so its key is not reused"
  return 1
}

# set_default ID
set_default() {
  jq -n --arg id "$1" '{default: $id, default_follows_latest_issuer: false}' | put "$mount/config/issuers"
  forget_signers
}

# name_issuer ISSUER NAME: its other fields stay as they are.
name_issuer() {
  local other id
  pick '.data | .issuer_name // "", .issuer_id' <<<"$1"
  other=${picked[0]} id=${picked[1]}
  [[ -z $other ]] || give_up "the CA in $mount is called '$other' by another maker, and who uses that name would lose it; rename it yourself: $cli patch $mount/issuer/$other issuer_name=$2"
  jq -n --arg name "$2" '{issuer_name: $name}' | vault patch -format=json "$mount/issuer/$id" -
  forget_signers
  read_signers
}

# --- which of them signs

# default_is_planned: whether the planned CA signs, and of each other one of ours it is recorded until when certificates under it can live.
default_is_planned() {
  local found id words rc=0
  find_ca "$intermediate_mount" || rc=$?
  ((rc != 1)) || foretell
  ((rc == 0)) || return "$rc"
  id=$(jq -r .data.issuer_id <<<"$issuer") || return 2
  if [[ $default_id != "$id" || $follows_latest != false ]]; then
    [[ $default_id == "$id" ]] || foretell
    found=$(jq -n --arg default "$(called "$default_id")" --argjson follows "$follows_latest" \
      '{data: {$default, default_follows_latest_issuer: $follows}}')
    compare "$found" "$(jq -n --arg default "$(called "$id")" '{$default, default_follows_latest_issuer: false}')" || return "$?"
  fi
  words=$(unrecorded) || return 2
  [[ -z $words ]] || {
    note "it is not recorded yet: ${words//$'\n'/, }"
    return 1
  }
}

# foretell: a run is refused where not every workload trusts the root that is to sign, so a plan says so.
foretell() {
  local reason
  [[ $mode == plan && -n $default_id ]] || return 0
  reason=$(may_move 2>&1) || note "a run would be refused: ${reason#"$0: error: "}"
}

# called ID: prints the name of an issuer, or its ID where it has none.
called() {
  local i name=$1
  for i in "${!signers[@]}"; do
    if [[ ${signer_ids[i]} == "$1" && -n ${signer_names[i]} ]]; then name=${signer_names[i]}; fi
  done
  printf '%s\n' "$name"
}

# former_names: those of ours that are not the planned one.
former_names() { own_names | grep -vxF "$issuer_name" || true; }

# unrecorded: prints what is to be recorded, in words: an end for each former one that has none, and none for the planned one; the root that
# signs, and an end for the one before.
unrecorded() {
  local name end now_in before
  # who trusts the intermediate alone has no root to change.
  if [[ ${root_file:-root} == root ]]; then
    now_in=$(short_fingerprint <<<"$root")
    before=$(evidence_of "$mount" root) || return 2
    [[ $before == "$now_in" ]] || printf 'root=%s\n' "$now_in"
    [[ -z $before || $before == "$now_in" ]] || printf 'left.%s=end\n' "$before"
  fi
  [[ -z $(evidence_of "$mount" "$issuer_name.until") ]] || printf '%s.until=\n' "$issuer_name"
  while IFS= read -r name; do
    [[ -n $name ]] || continue
    end=$(evidence_of "$mount" "$name.until") || return 2
    is_time "$end" || printf '%s.until=end\n' "$name"
  done < <(former_names)
}

# move_default NAMES: tries the planned CA, makes it the default, and records until when certificates under the one before can live. The
# record is made after the move: stopped in between, the next run makes it, later. So nothing may be recorded of both before the move.
move_default() {
  local id end
  local -a words
  find_ca "$intermediate_mount" || die "there is no CA of generation $generation"
  id=$(jq -r .data.issuer_id <<<"$issuer")
  if [[ $default_id != "$id" ]]; then
    try_issuer "$id" "$1"
    may_move || give_up 'the default issuer is left as it is'
    record "$mount" "$issuer_name.until=" "$(called "$default_id").until="
  fi
  if [[ $default_id != "$id" || $follows_latest != false ]]; then
    set_default "$id"
    find_ca "$intermediate_mount"
  fi
  end=$(last_end)
  mapfile -t words < <(unrecorded)
  ((${#words[@]} == 0)) || record "$mount" "${words[@]/%=end/=$end}"
}

# may_move: says what is wrong where the planned CA ends in another root than the default, and not every workload trusts that one.
may_move() {
  local before new
  before=$(evidence_of "$mount" root) && new=$(short_fingerprint <<<"$root") || return 2
  [[ $before != "$new" ]] || return 0
  if [[ -z $before ]]; then
    ! goes_on "it is not on record which root $mount signs below" "$new" || return 0
    complain "it is not on record which root $mount signs below: set root and intermediate.generation back to what they were, run the setup.sh of that once, and go on from there"
    return 1
  fi
  root_may_sign "$before" "$new"
}

# margin: for the clocks of the servers of Vault, and for what is being signed while the default moves.
readonly MARGIN=600

# last_end: prints when the last certificate ends that can have been signed by now, in Vault's words and by its time.
last_end() {
  local now longer
  now=$(vault_time) || return 2
  longer=$(longer_leaves) || return 2
  jq -nr --argjson now "$now" --argjson seconds "$((leaf_seconds + MARGIN))" --arg longer "$longer" '[$now + $seconds | todateiso8601, $longer] | max'
}

# longer_leaves: prints until when certificates can live that a role with a longer lifetime has signed; an empty line where none is recorded.
longer_leaves() {
  local until
  until=$(evidence_of "$mount" leaves.until) || return 2
  is_time "$until" || until=
  printf '%s\n' "$until"
}

# note_longer_leaves: a role that signs for longer than planned is about to be changed: what it has signed lives on.
note_longer_leaves() {
  local found longest now before rc=0
  use_ca "$intermediate_mount"
  found=$(get "$role_path") || rc=$?
  ((rc != 1)) || return 0
  # 0 is what the mount allows.
  longest=$(jq --argjson mount "$ca_seconds" '.data | [.max_ttl, .ttl] | max | if . == 0 then $mount else . end' <<<"$found")
  [[ $(jq -n --argjson found "$longest" --argjson planned "$leaf_seconds" '$found > $planned') == true ]] || return 0
  now=$(vault_time)
  before=$(longer_leaves)
  record "$mount" "leaves.until=$(jq -nr --argjson now "$now" --argjson longest "$longest" --argjson margin "$MARGIN" --arg before "$before" \
    '[$now + $longest + $margin | todateiso8601, $before] | max')"
}

# try_issuer ID NAMES: one signature, before the mesh depends on it.
try_issuer() {
  local answer
  trial_key
  answer=$(sign_at "$mount/issuer/$1/sign/${role_path##*/}" "$2" vault) ||
    die "$issuer_name does not sign, so the default issuer is left: $(last_error)"
  pick "$SIGNED" <<<"$answer"
  verified "$root" "${picked[0]}" "${picked[1]}" || die "what $issuer_name signs does not verify to the root, so the default issuer is left"
  trial_private_key=
  say "      signed by $issuer_name, verified to the root: a workload"
}

# --- those that nothing needs any more

# gone_names: those of which something is recorded, and which are not there: a stopped run has removed them.
gone_names() {
  local name at
  while IFS= read -r name; do
    if is_own_name "$name" && ! issuer_named "$name"; then printf '%s\n' "$name"; fi
  done < <(evidence_keys "$mount" | sed -n 's/[.]until$//p; s/[.]key$//p' | sort -u)
}

# ended NAME NOW: whether its recorded end has passed.
ended() {
  local until past
  until=$(evidence_of "$mount" "$1.until") || return 2
  is_time "$until" || return 1
  past=$(jq -n --arg until "$until" --argjson now "$2" '$now >= ($until | fromdateiso8601)') || return 2
  [[ $past == true ]]
}

# retirable: prints the names of the former ones that can go; the default never can.
retirable() {
  local name names now
  names=$(former_names)
  [[ -n $names ]] || return 0
  now=$(vault_time) || return 2
  while IFS= read -r name; do
    if [[ $(called "$default_id") != "$name" ]] && ended "$name" "$now"; then printf '%s\n' "$name"; fi
  done <<<"$names"
}

# retired: whether nothing is to be removed: always, where --retire does not ask for it. Says what could be.
retired() {
  local name end rc=0 gone can
  find_ca "$intermediate_mount" || rc=$?
  ((rc <= 1)) || return "$rc"
  # where the planned one is to be made first, nothing can go.
  ((rc == 0)) || return 0
  [[ -n $(former_names)$(evidence_keys "$mount") ]] || return 0
  [[ -z $(former_names) ]] || settled='not yet'
  can=$(retirable) || return 2
  while IFS= read -r name; do
    [[ -n $name ]] || continue
    end=$(evidence_of "$mount" "$name.until")
    if [[ $(called "$default_id") == "$name" ]]; then
      note "$name signs until the default issuer is moved"
    elif grep -xF "$name" >/dev/null <<<"$can"; then
      [[ $retire == true ]] || note "no certificate under $name lives any more, since $end: it can be removed by --retire"
    else
      note "$name is kept: certificates under it can live until ${end:-a time that is not recorded yet}"
    fi
  done < <(former_names)
  gone=$(gone_names)
  [[ -z $gone ]] || note "what a stopped run has left of ${gone//$'\n'/, } can be removed by --retire"
  [[ $retire == false || -z $can$gone ]]
}

# need_retirable CODE: --retire, where the planned CA was found (0) or was not, is refused before the time has come, and before anything is changed.
need_retirable() {
  local can name ends=''
  [[ $retire == true && $mode != check ]] || return 0
  [[ $1 == 0 && ($(called "$default_id") == "$issuer_name" || -z $(own_names)) ]] ||
    die "--retire: the default issuer of $mount is not the planned one yet: run this without --retire first"
  can=$(retirable) || exit 1
  [[ -z $can && -z $(gone_names) ]] || return 0
  [[ -n $(former_names) ]] || {
    note "--retire: there is no CA of another generation in $mount, so there is nothing to remove"
    return 0
  }
  while IFS= read -r name; do ends+=" $name until $(evidence_of "$mount" "$name.until"),"; done < <(former_names)
  die "--retire: certificates can live:${ends%,}; by Vault's clock it is $(vault_time | jq -r todateiso8601). Nothing was changed"
}

# retire_issuers: the issuer, then its key, unless another issuer has it; the key is recorded first, so that a stopped run is finished.
retire_issuers() {
  local name at
  forget_signers
  find_ca "$intermediate_mount"
  while IFS= read -r name; do
    issuer_named "$name"
    record "$mount" "$name.key=${signer_keys[at]}"
    vault delete "$mount/issuer/${signer_ids[at]}"
    say "      removed: the CA $name"
  done < <(retirable)
  forget_signers
  read_signers
  while IFS= read -r name; do remove_key "$name"; done < <(gone_names)
}

# remove_key NAME: the key of an issuer that was removed, then what is recorded of it. The first key of a mount is its default one; that goes
# on to the planned CA's, or Vault warns that nothing works without a key's name any more.
remove_key() {
  local key
  key=$(evidence_of "$mount" "$1.key")
  if [[ -n $key && " ${signer_keys[*]} " != *" $key "* ]]; then
    jq -n --arg key "$(jq -r .data.key_id <<<"$issuer")" '{default: $key}' | put "$mount/config/keys"
    vault delete "$mount/key/$key"
    say "      removed: its key"
  elif [[ -n $key ]]; then
    say "      kept: its key, which another CA in $mount has too"
  fi
  record "$mount" "$1.until=" "$1.key="
}

# --- roots: what every workload trusts, and what nothing needs any more

# Evidence of a change of the root, in the description of each cluster's mount, by Vault's own time. A root is called by the first 16 digits
# of its SHA-256 fingerprint:
#   root=R           the root that the mount's default issuer ends in
#   trusts.R=TIME    from then on every workload of the cluster trusts R
#   left.R=TIME      until then a certificate that ends in R can be in use, since the default issuer ended in it
# Every cluster's script reads those of all, so that none signs what another one's workloads refuse.

# planned_roots: prints what the workloads are to trust, one a line.
planned_roots() { printf '%s\n' "$root" ${also_trust:+"$also_trust"} | each_certificate short_fingerprint; }

# evidence_of_all: prints the evidence of all mounts: {MOUNT: {KEY: VALUE}}. Whoever can tune a mount can write such words, so one that is not
# a time is refused.
evidence_of_all() {
  local table all wrong
  table=$(get sys/mounts) || return 2
  all=$(jq "$EVIDENCE"' (.data // .) | to_entries
    | map(select((.value | type) == "object" and .value.type == "pki") | {key: (.key | rtrimstr("/")), value: (.value.description // "" | evidence.words)})
    | from_entries' <<<"$table") || return 2
  # shellcheck disable=SC2016 # it is jq's
  wrong=$(jq -r --arg time "$TIME" '[to_entries[] | .key as $mount | .value | to_entries[] | select((.key | test("^(trusts|left)[.]")) and (.value | test($time) | not))
    | "\(.key)=\(.value) of mount \($mount)"] | join(", ")' <<<"$all") || return 2
  [[ -z $wrong ]] || {
    complain "this record is not a time, so these scripts did not write it: $wrong. Find out who changed the mount's description, and remove the word from it with $cli secrets tune -description"
    return 2
  }
  printf '%s\n' "$all"
}

# look_at_workloads: sets `handed` to the roots that workloads are handed (ConfigMap istio-ca-root-cert of each namespace): a line
# NAMESPACE ROOT... for each text. 1, and a note: the cluster does not say.
handed=
look_at_workloads() {
  local answer namespace text roots
  answer=$(kube get configmaps -A --field-selector metadata.name=istio-ca-root-cert -o json 2>"$work/error") || {
    note "what the workloads trust cannot be looked at: $(last_error)"
    return 1
  }
  handed=
  while IFS=$'\t' read -r namespace text; do
    roots=$(base64 -d <<<"$text" | each_certificate short_fingerprint | sort -u)
    handed+="$namespace ${roots//$'\n'/ }"$'\n'
  done < <(jq -r '[.items[] | {namespace: .metadata.namespace, pem: (.data["root-cert.pem"] // "")}] | group_by(.pem)[]
    | "\(.[0].namespace)\t\(.[0].pem | @base64)"' <<<"$answer")
}

# without ROOT: prints a namespace whose workloads are not handed it.
without() {
  local line
  [[ -n $handed ]] || printf 'no namespace has istio-ca-root-cert'
  while IFS= read -r line; do
    [[ -z $line || " ${line#* } " == *" $1 "* ]] || { printf 'namespace %s' "${line%% *}" && break; }
  done <<<"$handed"
}

# old_istiods: prints the pods of istiod that were started before the roots in their namespace last changed: it reads them at its start.
old_istiods() {
  local changed pods
  changed=$(kube get configmap istio-ca-root-cert -n "$istio_namespace" -o json --show-managed-fields 2>"$work/error" |
    jq -r '[.metadata | .creationTimestamp, .managedFields[]?.time] | map(values) | max') || return 2
  pods=$(kube get pods -n "$istio_namespace" -l app=istiod -o json 2>"$work/error") || return 2
  jq -r --arg changed "$changed" '.items[]
    | select(.metadata.deletionTimestamp == null and (.status.startTime // .metadata.creationTimestamp) < $changed) | .metadata.name' <<<"$pods"
}

# trust_recorded: whether Vault has on record what the workloads trust. Sets `learned` and `forgotten` to the roots that are to be recorded.
learned=()
forgotten=()
trust_recorded() {
  local known id lacking rc=0
  learned=() forgotten=()
  if ! look_at_workloads || [[ -z $handed ]]; then
    # nothing is on its way to the workloads where no root stands beside the one that signs.
    [[ -n $also_trust ]] || return 0
    note 'no workload is handed a root yet: run this again once istio-csr serves'
    left_open=$step_id
    return 1
  fi
  known=$(evidence_of_all) || return 2
  drops_are_due "$known" || return 2
  known=$(jq -r --arg mount "$intermediate_mount" '.[$mount] // {} | keys[] | select(startswith("trusts.")) | ltrimstr("trusts.")' <<<"$known")
  for id in $known; do
    [[ -z $(without "$id") ]] || forgotten+=("$id")
  done
  [[ -z $also_trust ]] || for id in $(planned_roots); do
    lacking=$(without "$id")
    if [[ -n $lacking ]]; then
      note "not every workload is handed the root $id yet: $lacking. run this again once istio-csr has written it"
      left_open=$step_id rc=1
    elif ! grep -xF -- "$id" >/dev/null <<<"$known"; then
      learned+=("$id")
    fi
  done
  ((${#learned[@]} == 0)) || istiods_know || { learned=() left_open=$step_id rc=1; }
  ((${#learned[@]} + ${#forgotten[@]} == 0)) || rc=1
  return "$rc"
}

# istiods_know: whether each istiod has read what its namespace holds.
istiods_know() {
  local pods
  pods=$(old_istiods) || { note "the pods of istiod cannot be looked at: $(last_error)" && return 1; }
  [[ -n $pods ]] || return 0
  note "istiod reads its roots at its start, and ${pods//$'\n'/, } was started before they changed: kubectl --context $context rollout restart deployment/${istiod_deployments// / deployment/} -n $istio_namespace"
  return 1
}

# record_trust: a workload learns a root with its next certificate, so each knows it once the longest-lived of today's has ended.
record_trust() {
  local id at
  local -a words=()
  ((${#learned[@]} + ${#forgotten[@]} > 0)) || return 0
  at=$(last_end)
  for id in "${forgotten[@]}"; do words+=("trusts.$id="); done
  for id in "${learned[@]}"; do
    words+=("trusts.$id=$at")
    say "      from $at on every workload of $cluster trusts $id"
  done
  record "$intermediate_mount" "${words[@]}"
}

# goes_on WHY ROOT: whether --urgent has a change of the root go on although it should wait; says what breaks.
goes_on() {
  [[ $urgent == true && $mode != check ]] || return 1
  say "      URGENT, without the wait: $1"
  say "      what breaks: a workload that does not trust the root $2 yet refuses every connection to and from workloads whose certificates end in it, until it is restarted or its own certificate is renewed, up to $((leaf_seconds / 60)) minutes from now"
}

# root_may_sign OLD NEW: says what is wrong where a workload would not trust what the new root signs, in this cluster or in another one whose
# CA ends in the old one still.
root_may_sign() {
  local known now refused
  look_at_workloads || return 1
  refused=$(without "$2")
  if [[ -n $refused ]]; then
    ! goes_on "$refused does not hand its workloads the root $2" "$2" || return 0
    complain "$refused does not hand its workloads the root $2 that is to sign from now on: write it as root.alsoTrust first, beside the present root, and run the setup.sh of every cluster"
    return 1
  fi
  known=$(evidence_of_all) && now=$(vault_time) || return 2
  refused=$(jq -r --arg old "$1" --arg new "$2" --argjson now "$now" '[to_entries[] | select(.value.root == $old) | .value["trusts.\($new)"] as $at
    | if $at == null then "the workloads of \(.key) are not on record as trusting it: run that cluster'\''s setup.sh with it in root.alsoTrust"
      elif ($at | fromdateiso8601) > $now then "the workloads of \(.key) all trust it from \($at) on" else empty end] | join("; ")' <<<"$known") || return 2
  [[ -n $refused ]] || return 0
  ! goes_on "$refused" "$2" || return 0
  complain "the root $2 must not sign yet: $refused"
  return 1
}

# root_may_go ID EVIDENCE: says what is wrong where a certificate that ends in this root can still be in use.
root_may_go() {
  local now refused
  now=$(vault_time) || return 2
  refused=$(jq -r --arg id "$1" --argjson now "$now" '[to_entries[]
    | if .value.root == $id then "\(.key) still signs below it"
      elif (.value["left.\($id)"] // "1970-01-01T00:00:00Z" | fromdateiso8601) > $now then "certificates of \(.key) live until \(.value["left.\($id)"])"
      else empty end] | join("; ")' <<<"$2") || return 2
  [[ -n $refused ]] || return 0
  if [[ $urgent == true && $mode != check ]]; then
    say "      URGENT, without the wait: the root $1 is still needed: $refused"
    say "      what breaks: a workload whose certificate ends in the root $1 is refused by every workload that does not trust it any more, until it is restarted or its certificate is renewed, up to $((leaf_seconds / 60)) minutes from now"
    return 0
  fi
  complain "the root $1 must be trusted still: $refused. name its certificate in root.alsoTrust until then"
  return 1
}

# drops_are_due EVIDENCE: whether each root that workloads are handed, that is on record and that the plan does not name any more, may go.
drops_are_due() {
  local id
  for id in $(cut -d ' ' -f 2- <<<"$handed" | tr ' ' '\n' | sort -u); do
    grep -xF -- "$id" >/dev/null <<<"$(planned_roots)" || ! is_on_record "$id" "$1" || root_may_go "$id" "$1" || return 1
  done
}

# is_on_record ID EVIDENCE: whether it is a root that some cluster's CA has ended in, or that workloads were to learn.
is_on_record() {
  jq -e --arg id "$1" 'any(.[]; .root == $id or has("left.\($id)") or has("trusts.\($id)"))' <<<"$2" >/dev/null
}

# --- many paths of Vault: the CLI reads one at a time -------------------------------------------------------------------------------------

# how many are read at the same time.
readonly AT_ONCE=8

# read_each PATH...: reads them, the answer to the first into $work/each.0; a path where nothing is gives an empty file. Says how far it is, where
# it takes more than a second.
read_each() {
  local i=0 pid rc start=$SECONDS total=$#
  local -a running
  rm -f -- "$work"/each.*
  while ((i < total)); do
    running=()
    while ((${#running[@]} < AT_ONCE && i < total)); do
      i=$((i + 1))
      ask read "${!i}" >"$work/each.$((i - 1))" &
      running+=("$!")
    done
    for pid in "${running[@]}"; do
      rc=0
      wait "$pid" || rc=$?
      ((rc <= 1)) || return 2
    done
    ((SECONDS == start)) || { start=$SECONDS && say "      read: $i of $total"; }
  done
}

# each_answer COMMAND...: runs it with the files that read_each wrote.
each_answer() { find "$work" -name 'each.*' -exec "$@" {} +; }

# --- settings of a mount that let more in than the plan, or show more ---------------------------------------------------------------------

# report_tuning sys/mounts|sys/auth MOUNT: names what a mount is tuned with beside its lifetimes, with what takes each back.
report_tuning() {
  local table key value tune=sys/mounts/$2/tune
  [[ $1 == sys/mounts ]] || tune=sys/auth/$2/tune
  table=$(get "$1") || return 2
  while IFS=$'\t' read -r key value; do
    [[ -z $key ]] ||
      stray "the mount $2 is tuned with $key $value, which is not of the plan; to take it back: $cli write $tune $key=$([[ $key != listing_visibility ]] || printf hidden)$([[ $key != token_type ]] || printf default-service)"
  done < <(jq -r --arg mount "$2/" '(.data // .)[$mount] // {} | (.config // {}) + {plugin_version, options} | to_entries[]
    | select(.key | IN("default_lease_ttl", "max_lease_ttl", "force_no_cache", "user_lockout_config", "trim_request_trailing_slashes") | not)
    | select(.value | . == null or . == false or . == 0 or . == "" or . == [] or . == {} or . == [""] or . == "hidden" or . == "default-service" | not)
    | "\(.key)\t\(.value | tojson)"' <<<"$table")
}

# report_pki_settings MOUNT: names what serves certificates beside the PKI role, and what keeps revocations from being seen.
report_pki_settings() {
  local what found setting planned rc
  report_tuning sys/mounts "$1" || return 2
  # three more reads for each mount, so a run that sets up does without them.
  [[ $mode == check ]] || return 0
  for what in acme est crl; do
    rc=0
    # an older Vault has neither ACME nor EST.
    found=$(get "$1/config/$what") || rc=$?
    ((rc <= 1)) || return 2
    ((rc == 0)) || continue
    while IFS=$'\t' read -r setting planned; do
      [[ -z $setting ]] || stray "$1/config/$what has $setting, which is not of the plan; to take it back: $cli write $1/config/$what $planned"
    done < <(jq -r '.data | {acme: {enabled: false}, est: {enabled: false}, crl: {disable: false, ocsp_disable: false}}[$ARGS.named.what] as $plan
      | . as $found | $plan | to_entries[] | select($found[.key] != null and $found[.key] != .value) | "\(.key)=\($found[.key])\t\(.key)=\(.value)"' --arg what "$what" <<<"$found")
  done
}

# --- who else can log in ----------------------------------------------------------------------------------------------------------------

# foreign_logins: prints the names of the roles beside the planned one that let somebody log in: in an auth mount of the cluster's own, each;
# in one that clusters may share, each that gives the planned policy. 1 where there is none.
foreign_logins() {
  local role roles=${login_path%/*}
  local -a others=()
  keys_of "$roles" || true
  for role in "${listed[@]}"; do
    [[ $role == "${login_path##*/}" ]] || others+=("$role")
  done
  ((${#others[@]} > 0)) || return 1
  if [[ $login_shared == false ]]; then
    printf '%s\n' "${others[@]}"
    return 0
  fi
  kept logins "$roles" shared_logins
}
shared_logins() {
  local file found=''
  local -a files
  read_each "${others[@]/#/$roles/}" || return 2
  # shellcheck disable=SC2016 # it is jq's
  mapfile -t files < <(each_answer jq -r --arg policy "${policy_path##*/}" \
    'select(.data | (.token_policies // []) + (.policies // []) | index($policy)) | input_filename')
  for file in "${files[@]}"; do found+=${others[${file##*.}]}$'\n'; done
  [[ -n $found ]] || return 1
  printf '%s' "$found"
}

# report_foreign_logins: names them, with what removes each.
report_foreign_logins() {
  local role found rc=0
  found=$(foreign_logins) || rc=$?
  ((rc <= 1)) || exit 1
  while IFS= read -r role; do
    [[ -z $role ]] ||
      stray "role ${login_path%/*}/$role lets somebody log in$([[ $login_shared == false ]] || printf ' with the policy %s' "${policy_path##*/}"), and is not of the plan; to remove it: $cli delete ${login_path%/*}/$role"
  done <<<"$found"
}

# --- what a cluster's scripts share

# find_root: sets `root` to what Vault holds; 1, and says so among what is missing, where it holds none.
find_root() {
  local rc=0
  # shellcheck disable=SC2034 # not every script goes on with it
  root=$(root_from_vault) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || missing+=("the root CA in Vault's mount $root_mount: run dist/root/setup.sh first")
  return "$rc"
}

kube() { with_plain_errors kubectl --context "$context" "$@"; }

# need_namespaces NAME...: that they are there.
need_namespaces() {
  local namespace found
  found=$(kube get namespace "$@" -o name 2>"$work/error") && return 0
  for namespace in "$@"; do
    grep -xF "namespace/$namespace" >/dev/null <<<"$found" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(grep -F "\"$namespace\"" "$work/error" || last_error)")
  done
}

# may WORDS...: whether the one who runs this may do that in the cluster.
may() {
  [[ $(kube auth can-i "$@" 2>&1) == yes ]] || missing+=("the right to $* in context $context")
}

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# secret_annotation NAMESPACE NAME ANNOTATION: prints it; nothing where there is none.
secret_annotation() {
  kube get secret "$2" -n "$1" -o json --ignore-not-found | jq -r --arg key "$3" '.metadata.annotations[$key] // ""' || return 2
}

# the annotation that says which cluster of the config a Secret was made for.
readonly MAKER=cdk8s-mesh-ca/cluster

# apply_secret NAMESPACE NAME KEY [ANNOTATION VALUE]: makes the Secret, its value from standard input, through pipes only. The annotation says
# something of the value, where VALUE is not empty: both change in one call.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" --arg maker "$MAKER" --arg cluster "$cluster" \
    --arg annotation "${4:-}" --arg said "${5:-}" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"},
      annotations: ({($maker): $cluster} + if $said == "" then {} else {($annotation): $said} end)},
    data: {($key): @base64}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}


# --- the certificate that istio-csr hands out as the root, laid into the cluster

# what istio-csr hands out: the certificate itself, and what is trusted beside it.
root_file() {
  case $root_file in
    root) printf '%s\n' "$root" ${also_trust:+"$also_trust"} ;;
    intermediate) printf '%s\n' "$ca" ;;
  esac
}

# what lay there before the first step; none: it was not looked at, or nothing did.
root_before=

# need_root_place: what is there already needs no right to make it.
need_root_place() {
  local rc=0
  root_before=$(held_root 2>"$work/error") || rc=$?
  case $rc in
    1) may patch "${root_kind,,}/$root_name" -n "$root_namespace" ;;
    2) missing+=("the right to get $root_kind $root_namespace/$root_name in context $context: $(last_error)") ;;
  esac
}

# root_delivered: whether the cluster's root file holds what istio-csr is to hand out, and nothing that a change of the root has left there. It
# may hold others too, which are left: who needs them is not known here.
root_delivered() {
  local found rc=0 planned prints
  [[ -n ${ca:-} || $root_file == root ]] || return 1
  found=$root_before
  [[ -n $found ]] || found=$(held_root) || rc=$?
  ((rc == 0)) || return "$rc"
  planned=$(root_file | each_certificate fingerprint)
  prints=$(each_certificate fingerprint <<<"$found")
  if ! grep -xF -- "$planned" >/dev/null <<<"$prints"; then
    complain "$root_kind $root_namespace/$root_name holds another CA than the planned one (SHA-256 ${planned//$'\n'/, }). Workloads trust what it holds: name it in root.alsoTrust, or where none does yet: kubectl --context $context delete ${root_kind,,} $root_name -n $root_namespace"
    return 2
  fi
  ! grep -vxF -- "$prints" >/dev/null <<<"$planned" || return 1
  prints=$(grep -vxF -- "$planned" <<<"$prints") || return 0
  if [[ -n $(dropped "$found") ]]; then return 1; fi
  stray "it holds other CAs too, which the workloads trust as much: SHA-256 ${prints//$'\n'/, }"
}

# dropped TEXT: prints the roots in it that a change of the root has brought, and that the plan does not name any more.
dropped() {
  local id known
  known=$(evidence_of_all) || return 2
  for id in $(each_certificate short_fingerprint <<<"$1"); do
    grep -xF -- "$id" >/dev/null <<<"$(planned_roots)" || ! is_on_record "$id" "$known" || printf '%s\n' "$id"
  done
}

# other_than ROOTS: prints the certificate of standard input, where it is not one of those.
other_than() {
  local certificate
  certificate=$(first_certificate)
  grep -xF -- "$(short_fingerprint <<<"$certificate")" >/dev/null <<<"$1" || printf '%s\n' "$certificate"
}

# deliver_root: adds what is planned, and takes away what a change of the root has left there, where nothing needs it any more.
deliver_root() {
  local found='' id known gone='' rc=0
  found=$(held_root) || rc=$?
  ((rc <= 1)) || return "$rc"
  if [[ $root_file == root && -n $found ]]; then
    known=$(evidence_of_all)
    gone=$(dropped "$found")
    for id in $gone; do root_may_go "$id" "$known" || die "$root_kind $root_namespace/$root_name is left as it is"; done
  fi
  { root_file && each_certificate other_than "$(planned_roots)"$'\n'"$gone" <<<"$found"; } | carry_root
}

# --- it lies in a Secret

# held_root: prints what lies there; 1 where there is none yet.
held_root() { secret_value "$root_namespace" "$root_name" "$root_data_key"; }

# carry_root: brings the certificate of standard input there.
carry_root() { apply_secret "$root_namespace" "$root_name" "$root_data_key"; }

# --- the way in: a token of a service account -----------------------------------------------------------------------------------------

need_rights() {
  may create "serviceaccounts/$service_account" --subresource=token -n "$issuer_namespace"
}

# look_at_way_in: a mount for each cluster: what it holds is this cluster's. Where Vault checks the tokens by itself, the login is bound to the
# account's UID, so the account must exist before.
look_at_way_in() {
  [[ $binds_uid == true && $mode == run ]] || return 0
  [[ -z $only || " $only " == *" jwt/role "* ]] || return 0
  has_account "$service_account" || missing+=("the service account $issuer_namespace/$service_account in context $context, whose UID the login is bound to: apply the manifests of 0-access first")
}

# bound_to_account PATH, bind_to_account PATH: whether the login role is as planned, and takes the tokens of this very service account: not those
# of one of the same name that was deleted.
bound_to_account() {
  with_uid || return "$?"
  same_fields "$1"
}
bind_to_account() {
  with_uid || die "the login is not written: service account $issuer_namespace/$service_account is not in context $context: apply the manifests of 0-access, then run this again"
  write_fields "$1"
}

# with_uid: adds the UID of the service account to the step's fields; 1, and a note, where there is no such account.
with_uid() {
  local uid
  uid=$(kube get serviceaccount "$service_account" -n "$issuer_namespace" -o json --ignore-not-found 2>"$work/error") || {
    complain "cannot read service account $issuer_namespace/$service_account in context $context: $(last_error)"
    return 2
  }
  uid=$(jq -r '.metadata.uid // ""' <<<"$uid") || return 2
  [[ -n $uid ]] || {
    note "service account $issuer_namespace/$service_account is not in the cluster, so the login cannot be bound to its UID: apply the manifests of 0-access first"
    return 1
  }
  # a name in a claim that holds a slash or a dot is found by its JSON pointer alone.
  fields "$(jq --arg uid "$uid" '. + {bound_claims: {"/kubernetes.io/serviceaccount/uid": $uid}}' <<<"$wanted")"
}

# account_token NAME AUDIENCE DURATION: prints a token of a service account beside the Issuer. An empty audience is the API server's own.
account_token() {
  kube create token "$1" -n "$issuer_namespace" ${2:+--audience="$2"} --duration="$3" 2>"$work/error"
}

# has_account NAME: an API server that does not answer says nothing of it.
has_account() {
  local found
  found=$(kube get serviceaccount "$1" -n "$issuer_namespace" -o name --ignore-not-found 2>"$work/error") ||
    die "cannot look for service account $issuer_namespace/$1 in context $context: $(last_error)"
  [[ -n $found ]]
}

# log_in: sets `trial_token`; 1, and why, where there is nothing to log in with yet.
log_in() {
  local response reason
  response=$(log_in_with_token 2>"$work/error") || {
    reason=$(last_error)
    has_account "$service_account" || {
      say "      not tried: service account $issuer_namespace/$service_account is not in the cluster yet. Apply the manifests of 0-access, then run this again"
      return 1
    }
    die "the login as $issuer_namespace/$service_account failed, cert-manager could not log in either: $reason"
  }
  take_login "$response"
}

# log_in_with_token: asks for a token as cert-manager does, and logs in with it; prints Vault's answer.
log_in_with_token() {
  local token
  token=$(account_token "$service_account" "$audience" 10m) || return 1
  printf '%s' "$token" | vault write -format=json "auth/$auth_mount/login" role="$auth_role" jwt=-
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

# --- what Vault checks tokens with -----------------------------------------------------------------------------------------------------

# trusts_cluster, trust_cluster: whether Vault checks tokens with the keys and the issuer of this cluster, and with no other's.
trusts_cluster() {
  of_cluster || return 2
  report_rotation "$cluster_issuer"
  same_fields "auth/$auth_mount/config"
}
trust_cluster() { write_fields "auth/$auth_mount/config"; }

# report_rotation ISSUER: a provider that changes the keys of its tokens by itself makes the copy in Vault worthless some weeks later.
report_rotation() {
  local glob
  local -a globs
  read -ra globs <<<"$rotating_issuers"
  for glob in "${globs[@]}"; do
    # shellcheck disable=SC2053 # it is a pattern
    [[ $1 != $glob ]] ||
      note "WARNING: the provider of this cluster changes the keys of service account tokens by itself, and Vault has a copy of those of today. From then on no login of cert-manager works. To have Vault read them anew, write jwt.discoveryUrl: $1 in the config"
  done
}

# of_cluster: sets the step's fields to what the API server publishes, and `cluster_issuer`.
of_cluster() {
  local keys
  cluster_issuer=$token_issuer
  if [[ -z $cluster_issuer ]]; then
    cluster_issuer=$(kube get --raw /.well-known/openid-configuration 2>"$work/error" | jq -er .issuer) || {
      complain "the API server of context $context does not say who issues its tokens; set jwt.issuer in the config: $(last_error)"
      return 2
    }
  fi
  keys=$(public_keys) || {
    complain "the API server of context $context does not give its keys (/openid/v1/jwks): $(last_error)"
    return 2
  }
  fields "$(jq -n --arg issuer "$cluster_issuer" --arg keys "$keys" '{
    bound_issuer: $issuer,
    jwt_validation_pubkeys: ($keys | split("\n\n") | map(select(. != "")))}')"
}

# --- the trial: logged in as cert-manager will be

trial_token=
trial_private_key=
wrongly_signed=0
trial_done=0

# trial_login: logs in as cert-manager will be, by `log_in`, and makes a key to ask with.
trial_login() {
  log_in || return 0
  [[ -n $trial_token ]] || die 'the login gave no token'
  trial_key
}

# take_login ANSWER: sets `trial_token`. A policy beside the planned one gives cert-manager more than a signature. Vault's identity store can add
# such a policy to a login, and neither the login's role nor the planned policy shows it.
take_login() {
  # shellcheck disable=SC2016 # it is jq's
  pick --arg policy "${policy_path##*/}" --arg type "$token_type" '.auth | .client_token, ([.policies[]?, .identity_policies[]?
    | select(. != $policy and (. != "default" or $type == "batch"))] | unique | join(", "))' < <(printf '%s' "$1")
  trial_token=${picked[0]}
  [[ -z ${picked[1]} ]] ||
    die "self-test: the login of cert-manager gives more policies than ${policy_path##*/}: ${picked[1]}. Find the entity or group that has them with $cli list identity/entity/id and $cli list identity/group/id, and take them away"
}

# trial_key: makes the key that trials ask with. Vault signs istiod's name for it, so it is a secret like others.
trial_key() {
  case $key_type in
    rsa) trial_private_key=$(openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$key_bits" 2>/dev/null) ;;
    ec) trial_private_key=$(openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-$key_bits" 2>/dev/null) ;;
  esac
}

# sign NAMES: asks Vault as cert-manager does, with its token.
sign() { sign_at "$sign_path" "$1" vault_as "$trial_token"; }

# sign_at PATH NAMES VAULT...: asks with a CSR as istio-csr makes it. NAMES is [CN=name,]SAN[,SAN…] in OpenSSL's words; VAULT asks. All of it
# is public.
sign_at() {
  local path=$1 names=$2 cn=''
  shift 2
  if [[ $names == CN=* ]]; then
    cn=${names%%,*}
    cn=${cn#CN=}
    names=${names#*,}
  fi
  printf '%s\n' "$trial_private_key" | openssl req -new -key /dev/stdin -subj "/${cn:+CN=$cn}" -addext "subjectAltName=$names" -out "$work/trial.csr" 2>/dev/null
  "$@" write -format=json "$path" common_name="$cn" alt_names="$(of_kind DNS "$names")" ip_sans="$(of_kind IP "$names")" \
    uri_sans="$(of_kind URI "$names")" "$lifetime" exclude_cn_from_sans=true csr=@"$work/trial.csr" 2>"$work/error"
}
# for how long, as PARAMETER=VALUE.
lifetime=ttl=$trial_ttl

# of_kind KIND NAMES: prints those of this kind, e.g. of DNS.
of_kind() {
  local name names=$2,
  local -a found=()
  while [[ -n $names ]]; do
    name=${names%%,*} names=${names#*,}
    [[ $name != "$1":* ]] || found+=("${name#"$1":}")
  done
  local IFS=,
  printf '%s' "${found[*]}"
}

# what a trial reads of a signature: the certificate, and the CAs above it.
readonly SIGNED='.data | .certificate, (.ca_chain // [.issuing_ca] | join("\n"))'

# signs WHAT NAMES: it has to be signed, with these names, for client and server, and to verify to the root.
signs() {
  local answer leaf
  [[ -n $trial_token ]] || return 0
  answer=$(sign "$2") || die "trial: Vault refuses $1 ($2): $(last_error)"
  pick "$SIGNED" <<<"$answer"
  leaf=${picked[0]}
  verified "$root" "$leaf" "${picked[1]}" ||
    die "trial: the certificate of $1 does not verify to the root"
  has_names "$leaf" "$2" || die "trial: the certificate of $1 lacks a name of $2"
  x509 -noout -ext extendedKeyUsage <<<"$leaf" 2>/dev/null | grep 'TLS Web Server.*TLS Web Client' >/dev/null ||
    die "trial: the certificate of $1 does not serve for both ends"
  trial_done=$((trial_done + 1))
  say "      signed, verified to the root: $1"
}

has_names() {
  local leaf=$1 names=$2 name found
  found=$(x509 -noout -subject -ext subjectAltName -nameopt multiline <<<"$leaf" | sed 's/commonName *= /CN=/' | tr ',' '\n' | sed 's/^ *//')
  while IFS= read -r name; do
    grep -xF "$name" >/dev/null <<<"$found" || return 1
  done < <(tr ',' '\n' <<<"$names")
}

# refuses WHAT NAMES MESSAGE: it has to be refused, for that reason. Each is a CSR that was just signed, with one name changed.
refuses() {
  local what=$1 names=$2 message=$3
  [[ -n $trial_token ]] || return 0
  if sign "$names" >/dev/null; then
    wrongly_signed=$((wrongly_signed + 1))
    say "      WRONGLY SIGNED: $what ($names)"
  else
    grep -E -- "$message" "$work/error" >/dev/null ||
      die "trial: $what ($names) was refused, but not for its name: $(last_error)"
    trial_done=$((trial_done + 1))
    say "      refused, as it must be: $what"
  fi
}

# denies WHAT NAMES: with an end an hour later than the role allows it has to be refused, by the policy of the login: Vault's role allows it.
denies() {
  local what=$1 names=$2 lifetime
  lifetime=not_after=$(jq -nr --argjson seconds "$leaf_seconds" 'now + $seconds + 3600 | floor | todateiso8601')
  [[ -n $trial_token ]] || return 0
  if sign "$names" >/dev/null; then
    die "trial: Vault signs $what, so a certificate can be valid for longer than the role allows: the login has another policy besides the planned one, take it away"
  fi
  grep -F 'permission denied' "$work/error" >/dev/null || die "trial: $what was refused, but not by the policy: $(last_error)"
  trial_done=$((trial_done + 1))
  say "      refused, as it must be: $what"
}

trial_end() {
  [[ -n $trial_token ]] || return 0
  # a batch token cannot be revoked, and ends by itself; another one would stay behind with its lease.
  [[ $token_type == batch ]] || vault_as "$trial_token" token revoke -self || note 'the token of the trial could not be revoked'
  trial_token=
  trial_private_key=
  ((wrongly_signed == 0)) && return 0
  [[ $role_is_exact == false ]] || die "trial: the role signs $wrongly_signed of the names that it must refuse"
  say "      WARNING: the role signs $wrongly_signed of the names that it should refuse, as the config asks it to (see the warnings above the steps)"
}

main "$@"
