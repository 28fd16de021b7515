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
