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
