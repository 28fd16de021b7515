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
