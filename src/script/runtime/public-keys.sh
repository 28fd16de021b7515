# --- public keys of a cluster -------------------------------------------------------------------------------------------------------

# public_keys: prints the keys that the API server signs tokens of service accounts with, as PEM, sorted, an empty line between two.
public_keys() {
  local jwks jwk
  jwks=$(kube get --raw /openid/v1/jwks | jq -c '.keys | sort_by(.kid)[]') || return 1
  while IFS= read -r jwk; do
    public_key "$jwk" || return 1
    printf '\n'
  done <<<"$jwks"
}

# public_key JWK: prints it as PEM. A JWK is numbers; OpenSSL makes the key of them.
public_key() {
  local curve
  case $(jq -r '"\(.kty) \(.crv // "")"' <<<"$1") in
    'RSA ')
      printf '%s\n' asn1=SEQUENCE:key '[key]' alg=SEQUENCE:alg key=BITWRAP,SEQUENCE:rsa '[alg]' oid=OID:rsaEncryption null=NULL \
        '[rsa]' "n=INTEGER:0x$(jwk_hex n <<<"$1")" "e=INTEGER:0x$(jwk_hex e <<<"$1")"
      ;;
    'EC P-'*)
      curve=$(jq -r '{"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}[.crv] // ""' <<<"$1")
      printf '%s\n' asn1=SEQUENCE:key '[key]' alg=SEQUENCE:alg "key=FORMAT:HEX,BITSTRING:04$(jwk_hex x <<<"$1")$(jwk_hex y <<<"$1")" \
        '[alg]' oid=OID:id-ecPublicKey "curve=OID:$curve"
      ;;
    *) return 1 ;;
  esac >"$work/key.cnf"
  openssl asn1parse -genconf "$work/key.cnf" -noout -out "$work/key.der" 2>/dev/null && openssl pkey -pubin -inform DER -in "$work/key.der" -pubout
}

# jwk_hex NAME: a number of the JWK in standard input, as hexadecimal digits.
jwk_hex() {
  jq -r --arg name "$1" '.[$name] // "" | gsub("-"; "+") | gsub("_"; "/") | . + "==="[:(4 - length % 4) % 4]' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n'
}
