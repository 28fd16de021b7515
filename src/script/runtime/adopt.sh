# --- adoption: from istiod's own CA to Vault, by a time in which both roots are trusted ---------------------------------------------------

before_steps() {
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  kube get namespace "$istio_namespace" -o name >/dev/null 2>"$work/error" ||
    missing+=("the namespace $istio_namespace in the cluster of context $context: $(last_error)")
  [[ ${#missing[@]} -gt 0 || $mode != run ]] || need_mesh_rights
  ((${#missing[@]} > 0)) || look_around
}

need_mesh_rights() {
  may create secrets -n "$istio_namespace"
  may patch secret/cacerts -n "$istio_namespace"
  may create configmaps -n "$istio_namespace"
  may patch deployments.apps -n "$istio_namespace"
}

# look_around: what is trusted today has to be named in the config before anything is changed.
look_around() {
  find_root || return 0
  look_at_roots || return 0
  look_for_evidence
  look_at_istiod
  [[ -n $signs ]] || {
    missing+=("a running istiod, Deployment $istio_namespace/${istiod_deployments// /, } in context $context")
    return 0
  }
  if [[ $signs == true ]]; then
    look_at_present
  elif [[ -z $(evidence trusted-since) ]]; then
    die "there is nothing to adopt: $istio_namespace/${istiod_deployments// /, } is no CA (ENABLE_CA_SERVER is false), and no run of this script has prepared that"
  fi
  look_at_sidecars
}

# look_at_roots: sets `roots` to istio-csr's root file as it is, and `roots_wanted` to its fingerprints: the planned ones have to be in it.
look_at_roots() {
  local rc=0 lacking
  roots=$(held_root) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || {
    missing+=("istio-csr's root file, $root_kind $root_namespace/$root_name: $root_todo")
    return 1
  }
  roots_wanted=$(prints_in "$roots")
  lacking=$(beside "$(prints_in "$root"$'\n'"$also_trust")" "$roots_wanted")
  [[ -z $lacking ]] || {
    missing+=("in $root_kind $root_namespace/$root_name the root with SHA-256 ${lacking//$'\n'/, }: $root_todo")
    return 1
  }
}

# look_at_present: sets `ca` and `present`, what the mesh trusts today. istiod has to sign with what it will sign with after a restart.
look_at_present() {
  local unknown
  look_at_ca
  [[ -n $ca ]] || {
    missing+=("istiod's CA: neither Secret cacerts nor istio-ca-secret of namespace $istio_namespace holds a CA with its key")
    return 0
  }
  present=$(kube get configmap "$ROOT_MAP" -n "$istio_namespace" -o json --ignore-not-found | jq -r '.data["root-cert.pem"] // ""') || exit 1
  [[ -n $present ]] || {
    missing+=("ConfigMap $istio_namespace/$ROOT_MAP, in which istiod says what the mesh trusts")
    return 0
  }
  unknown=$(beside "$(prints_in "$present"$'\n'"$(of_ca roots)")" "$roots_wanted")
  if [[ -n $unknown ]]; then
    missing+=("in root.alsoTrust of mesh-ca.yaml the root that the mesh trusts today, SHA-256 ${unknown//$'\n'/, }. This writes it to a file, it is public; name that file there, synthesize, and $root_todo:
      kubectl --context $context get $(if [[ -z $(beside "$unknown" "$(prints_in "$present")") ]]; then
      printf "configmap %s -n %s -o 'jsonpath={.data.root-cert\\\\.pem}'" "$ROOT_MAP" "$istio_namespace"
    else
      printf "secret %s -n %s -o 'jsonpath={.data.%s}' | base64 -d" "$(of_ca name)" "$istio_namespace" "$(of_ca key | sed 's/\./\\./g')"
    fi) >mesh-root.pem")
    return 0
  fi
  verified "$present" "$(first_certificate < <(of_ca certificate))" "$(of_ca chain)"$'\n'"$(of_ca certificate)" ||
    die "the CA in Secret $istio_namespace/$(of_ca name) does not verify to what the mesh trusts today ($ROOT_MAP): istiod does not sign with it, and would after a restart ($(unverified))"
  [[ -z $(of_ca keeper) ]] ||
    note "Secret $(of_ca name) is kept by another program ($(of_ca keeper)), which may put back what is written there: change it at its source too"
}

# handed_out: whether istiod reads both roots.
handed_out() {
  # an istiod that signs no more reads none.
  [[ $signs == true ]] || return 0
  look_at_ca
  [[ $(of_ca name) == cacerts && -z $(beside "$roots_wanted" "$(prints_in "$(of_ca roots)")") ]]
}

# hand_out: as istio-csr's root file has it, byte by byte: while both write istio-ca-root-cert, they must write the same. The key goes from
# one Secret to the other through a pipe. What was there is kept first.
hand_out() {
  local forget='{"trusted-since": null, "undo": null}'
  if [[ $(of_ca name) == cacerts ]]; then
    [[ $(of_ca maker) == "$cluster" ]] || forget=$(jq --arg roots "$(of_ca roots)" --arg key "$(of_ca key)" '. + {former: $key, "former-roots": $roots}' <<<"$forget")
    note_down "$forget"
    jq -n --arg key "$(of_ca key)" --arg roots "$roots" --arg maker "$MAKER" --arg cluster "$cluster" \
      '{metadata: {annotations: {($maker): $cluster}}, data: {($key): ($roots + "\n" | @base64)}}' |
      kube patch secret cacerts -n "$istio_namespace" --type=merge --field-manager=cdk8s-mesh-ca --patch-file=/dev/stdin
  else
    note_down "$(jq '. + {former: "none", "former-roots": null}' <<<"$forget")"
    kube get secret istio-ca-secret -n "$istio_namespace" -o json | jq --arg roots "$roots" --arg maker "$MAKER" --arg cluster "$cluster" '{
      apiVersion: "v1", kind: "Secret", type: "Opaque",
      metadata: {name: "cacerts", namespace: .metadata.namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"},
        annotations: {($maker): $cluster}},
      data: {"ca-cert.pem": .data["ca-cert.pem"], "ca-key.pem": .data["ca-key.pem"], "cert-chain.pem": "", "root-cert.pem": ($roots + "\n" | @base64)}}' |
      kube create --field-manager=cdk8s-mesh-ca -f -
  fi
  handed_out || die 'Secret cacerts does not hold what was just written'
}

# restarted: whether every istiod was started after what it reads was written; one that signs no more reads none of it.
restarted() {
  [[ $signs == true ]] || return 0
  look_at_ca
  [[ $(of_ca name) == cacerts ]] || return 1
  made_after "$(of_ca written)"
}

restart() { restart_istiod "$(of_ca written)"; }

# trusted: whether it was noted since when these roots are trusted, and they still are.
trusted() {
  local lacking
  [[ -n $(evidence trusted-since) && -z $(beside "$roots_wanted" "$(evidence roots)") ]] || return 1
  lacking=$(where_not "$roots_wanted") || return 2
  [[ -z $lacking ]] || {
    note "$ROOT_MAP lacks one of the roots in: ${lacking//$'\n'/, }"
    return 1
  }
  note "both roots are trusted since $(evidence trusted-since)"
}

note_trusted() {
  wait_for_roots "$roots_wanted"
  note_down "$(jq -n --arg since "$(server_time)" --arg roots "$roots_wanted" --arg lifetime "$(longest)" '{"trusted-since": $since, $roots, $lifetime}')"
}

# longest: the longest time, in seconds, that a workload's certificate lives; Istio's own 24 h where nobody says another.
longest() { jq -r 'map(.seconds) | max // 86400' <<<"$sidecars"; }

# renewed: whether no workload can hold an answer of before: it was made after, or its certificate of then has ended.
renewed() {
  local since old
  since=$(evidence trusted-since)
  [[ -n $since ]] || return 1
  old=$(old_sidecars "$since")
  [[ $(jq length <<<"$old") != 0 ]] || return 0
  due=$(later "$since" "$(jq 'map(.seconds) | max' <<<"$old")")
  [[ ! $(server_time) < $due ]] && return 0
  note "$(jq length <<<"$old") of $(jq length <<<"$sidecars") sidecars may hold an answer of before $since, until $due: the longest SECRET_TTL among them is $(in_hours "$(jq 'map(.seconds) | max' <<<"$old")")"
  return 1
}

# old_sidecars TIME: those of before it.
old_sidecars() { ask_mesh 'old | tojson' --arg since "$1" <<<"$sidecars"; }

# refuse_early: no failure, so it does not count as a step that did not get through.
refuse_early() {
  doing=false
  [[ $signs == true ]] || note "istiod was switched too early: take $our_part again until then"
  die "too early: every workload's certificate has to be renewed once more. Run this again at $due or later, or restart these workloads, which renews at once: $(ask_mesh places < <(old_sidecars "$(evidence trusted-since)"))"
}

# live CHECK...: whether verify.sh, beside this script, finds these right. It is asked once.
live() {
  [[ -e $work/live ]] || bash "${0%/*}/verify.sh" --json >"$work/live" 2>/dev/null || true
  wrong=$(jq -rs '(map({(.check): .}) | add // {}) as $found | $ARGS.positional[] as $check | $found[$check] // {status: "missing", message: "not checked"}
    | select(.status != "ok") | "\($check): \(.message)"' --args "$@" <"$work/live")
  [[ -n $wrong ]] || return 0
  while IFS= read -r line; do note "$line"; done <<<"$wrong"
  return 1
}

# see SECTION: what the runbook is for.
see() {
  doing=false
  die "not yet: $1. then run this again. verify.sh says: ${wrong//$'\n'/; }"
}

# switched CHECK...: whether istiod signs no more, and since when that was seen.
switched() { live "$@" && [[ -n $(evidence switched-since) ]]; }

note_switched() {
  live "$@" || see "$switch_todo. From then on a sidecar that was made before fails to renew, and its certificate ends half its lifetime later at the earliest: restart every workload within $(in_hours "$(jq 'map(.seconds) | (min // 86400) / 2 | floor' <<<"$sidecars")")"
  note_down "$(jq -n --arg since "$(server_time)" '{"switched-since": $since}')"
}

# moved: whether every sidecar asks istio-csr.
moved() {
  local old
  [[ -n $(evidence switched-since) ]] || return 1
  old=$(ask_mesh 'elsewhere | tojson' --arg address "$ca_address" <<<"$sidecars")
  [[ $(jq length <<<"$old") != 0 ]] || return 0
  left=$(ask_mesh places <<<"$old")
  note "$(jq length <<<"$old") of $(jq length <<<"$sidecars") sidecars ask another CA than $ca_address: $left"
  return 1
}

refuse_unmoved() {
  doing=false
  [[ -n $(evidence switched-since) ]] || die 'istiod has to be switched first'
  die "restart these workloads: they renew at istiod, which signs no more since $(evidence switched-since); the first certificates end at $(later "$(evidence switched-since)" "$(jq 'map(.seconds) | (min // 86400) / 2 | floor' <<<"$sidecars")"): $left"
}

# old_ended: whether the last certificate that istiod signed has ended, wherever it is.
old_ended() {
  local since
  since=$(evidence switched-since)
  [[ -n $since ]] || return 1
  due=$(later "$since" "$(jq -n --arg lifetime "$(evidence lifetime)" --argjson now "$(longest)" '[$now, ($lifetime | tonumber)] | max')")
  [[ $(server_time) < $due ]] || return 0
  note "the last certificate below the old root ends at $due"
  return 1
}

refuse_old_root() {
  doing=false
  die "too early: the old root has to be trusted until $due, when the last certificate below it ends. Run this again then"
}

after_steps() {
  if [[ -n $(beside "$roots_wanted" "$(prints_in "$root")") ]]; then
    say "cluster $cluster is adopted, and the old root may be dropped: $drop_todo"
  else
    say "cluster $cluster is adopted, and the old root is trusted no more. What is left of the old CA, with its key: Secrets cacerts and istio-ca-secret of namespace $istio_namespace"
  fi
}
