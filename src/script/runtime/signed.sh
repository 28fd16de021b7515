# --- which CAs the planned mounts have signed ---------------------------------------------------------------------------------------------

# report_unknown_cas: names each certificate that the root's mount, the policy CAs' mounts or the clusters' mounts have signed, that can still be used,
# and that neither a file beside the config names nor the planned role of a cluster signs. Vault keeps what it has signed at MOUNT/cert/SERIAL.
report_unknown_cas() {
  local file one known=''
  for file in ./*.ca.pem; do
    [[ ! -f $file ]] || known+=$(each_certificate fingerprint <"$file")$'\n'
  done
  for one in ${root_mount:+"$root_mount"} $planned_mounts; do report_signed "$one" || exit 1; done
}

# report_signed MOUNT: reads each certificate, and looks at it. Each is read by an OpenSSL of its own: a certificate can hold any text, so it must
# not be found in the text of several.
report_signed() {
  local one longest
  local -a serials certificates
  keys_of "$1/certs" || return 0
  serials=("${listed[@]}")
  read_each "${serials[@]/#/$1/cert/}" || return 2
  mapfile -d '' -t certificates < <(each_answer jq -j '.data | (if (.revocation_time // 0) == 0 then "" else "revoked\n" end) + .certificate + "\u0000"')
  # only the planned role of a cluster that has Vault store certificates leaves any here.
  longest=$(jq -r --arg mount "$1" '.[$mount] // 0' <<<"$stored_leaves") || return 2
  for one in "${certificates[@]}"; do
    if can_sign "$one"; then
      report_if_unknown "$1" "$one" 'a CA'
    elif ((longest == 0)) || ! lives_at_most "$longest" "$one"; then
      report_if_unknown "$1" "$one" 'a certificate that no planned role signs, and'
    fi
  done
}

# can_sign CERTIFICATE: whether it is a CA, also by what old verifiers take for one: no basic constraints, and the key usage of a CA.
can_sign() {
  local found
  found=$(x509 -noout -ext basicConstraints,keyUsage <<<"$1" 2>/dev/null) || true
  [[ $found == *CA:TRUE* || ($found != *'Basic Constraints'* && $found == *'Certificate Sign'*) ]]
}

# lives_at_most SECONDS CERTIFICATE: Vault lets a certificate begin half a minute before it is signed.
lives_at_most() {
  x509 -noout -startdate -enddate <<<"$2" | jq -eRn --argjson most "$1" \
    '[inputs | sub("^[^=]*="; "") | strptime("%b %d %H:%M:%S %Y GMT") | mktime] | length == 2 and .[1] - .[0] <= $most + 60' >/dev/null
}

# report_if_unknown MOUNT CERTIFICATE WHAT: the mount of an existing root may sign CAs for others, so there it is no drift. A revoked CA is: the mesh
# reads no list of revoked CAs, and trusts it on.
report_if_unknown() {
  local serial advice report=stray
  x509 -noout <<<"$2" 2>/dev/null || {
    stray "$1 has signed a certificate that OpenSSL does not read: look at each that $cli list $1/certs names"
    return 0
  }
  ! grep -xF -- "$(fingerprint <<<"$2")" >/dev/null <<<"$known" || return 0
  x509 -noout -checkend 0 <<<"$2" >/dev/null || return 0
  # a self-signed one is no CA below ours: report_other_roots names it for as long as its key is here.
  ! verified "$2" "$2" || return 0
  serial=$(serial_of "$2")
  [[ $1 != "$root_mount" || $root_source != existing ]] || report=note
  if [[ $2 == revoked* ]]; then
    advice="It is revoked, and the mesh reads no CRL, so it trusts it until then: only another root ends that"
  else
    advice="Find out who requested it: the audit log has the serial. To revoke it: $cli write $1/revoke serial_number=$serial"
  fi
  "$report" "$1 has signed $3 that no file beside the config names: $(described "$2"), serial $serial, valid from $(x509 -noout -startdate <<<"$2" | sed 's/.*=//') until $(end_of <<<"$2"). $advice. If you know it: $cli read -field=certificate $1/cert/$serial | openssl x509 >>$(ca_file "$1")"
}
