# --- the way back: istiod hands out what it handed out before -----------------------------------------------------------------------------

before_steps() {
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_evidence
  look_at_istiod
  look_at_sidecars
  if [[ -z $evidence_map ]]; then
    say "there is nothing to put back: adopt.sh has left no ConfigMap $istio_namespace/$EVIDENCE"
    exit 0
  fi
  look_around
}

# look_around: what was switched goes back first, or workloads would hold certificates that nobody trusts.
look_around() {
  local asks
  [[ $signs == true ]] ||
    missing+=("an istiod that signs by itself: take $our_part, and wait until $istio_namespace/${istiod_deployments// /, } is rolled out")
  asks=$(ask_mesh 'asking | places' --arg address "$ca_address" <<<"$sidecars")
  [[ -z $asks ]] || missing+=("workloads that do not ask $ca_address: restart, after istiod signs again: $asks")
  [[ -z $(kube get deployment "$csr" -n "$csr_namespace" -o name --ignore-not-found) ]] ||
    missing+=("no istio-csr, which writes both roots: helm --kube-context $context uninstall $csr_release -n $csr_namespace")
  former=$(evidence former)
}

# put_back: whether Secret cacerts is as it was.
put_back() {
  look_at_ca
  case $former in
    '') return 0 ;;
    none) [[ -z $ca || $(of_ca name) != cacerts || $(of_ca maker) != "$cluster" ]] ;;
    *) [[ $(of_ca roots) == "$(evidence former-roots)" ]] ;;
  esac
}

put_roots_back() {
  note_down '{"trusted-since": null, "undo": "begun"}'
  if [[ $former == none ]]; then
    kube delete secret cacerts -n "$istio_namespace"
  else
    jq -n --arg key "$former" --arg roots "$(evidence former-roots)" --arg maker "$MAKER" \
      '{metadata: {annotations: {($maker): null}}, data: {($key): ($roots + "\n" | @base64)}}' |
      kube patch secret cacerts -n "$istio_namespace" --type=merge --field-manager=cdk8s-mesh-ca --patch-file=/dev/stdin
  fi
}

# undone: whether istiod was restarted after that; where nothing was begun, it need not be.
undone() { [[ $(evidence undo) != begun ]]; }

restart() {
  restart_istiod "$(server_time)"
  note_down '{"undo": "restarted"}'
}

# forgotten: the evidence goes last, when every namespace trusts what it did before.
forgotten() { [[ -z $evidence_map ]]; }

forget_adoption() {
  local prints
  look_at_ca
  prints=$(prints_in "$(of_ca roots)")
  wait_for_roots "$prints" strict
  kube delete configmap "$EVIDENCE" -n "$istio_namespace"
  evidence_map=
}

after_steps() { say "cluster $cluster trusts what it did before adopt.sh. Setup.sh's work in Vault is left: nothing asks it"; }
