# --- a cluster

mesh_is_gone=false
cluster_answers=true
options_usage+=' [--mesh-is-gone]'
options_help+='  --mesh-is-gone      go on although the Issuer or istio-csr is still there, or the cluster does not answer
'

cluster_option() {
  taken=1
  [[ $1 == --mesh-is-gone ]] && mesh_is_gone=true
}

need_cluster_programs() { need_programs kubectl; }

# look_around: a mesh that runs would lose its CA. Without the mark and without the CA, what has a planned name was not made here.
look_around() {
  local rc=0
  find_mesh
  [[ $mode != run ]] || need_object_rights 3>/dev/null
  kept=0
  is_marked sys/mounts "$intermediate_mount" || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || return 0
  survey "$intermediate_mount" || exit 1
  ((${#own[@]} + ${#keys[@]} > 0)) || ours=false
}

need_object_rights() {
  local kind namespace name rc
  while read -r kind namespace name; do
    [[ -n $kind ]] || continue
    rc=0
    object_gone "$kind" "$namespace" "$name" || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || may delete "$kind/$name" -n "$namespace"
  done <<<"$objects"
}

find_mesh() {
  if ! kube get --raw /version >/dev/null 2>"$work/error"; then
    cluster_answers=false
    [[ $mesh_is_gone == true ]] || missing+=("an answer of the cluster of context $context; where there is none any more: --mesh-is-gone: $(last_error)")
    return
  fi
  [[ $mesh_is_gone == false ]] || return 0
  runs "$issuer_kind.cert-manager.io" "$issuer_name" "$issuer_place" 'the Issuer'
  runs deployment "$csr" "$csr_namespace" istio-csr
}

# runs KIND NAME NAMESPACE WHAT: what a running mesh needs is missed where it is there.
runs() {
  local found
  found=$(kube get "$1" "$2" ${3:+-n "$3"} -o name --ignore-not-found 2>"$work/error") || {
    grep -q "doesn't have a resource type" "$work/error" && return 0
    missing+=("an answer to whether $4 runs in context $context: $(last_error)")
    return 0
  }
  [[ -z $found ]] ||
    missing+=("a cluster without $4 ($found${3:+ in $3}): its mesh would lose its CA. Take it out first, as README.md says; or --mesh-is-gone")
}

# object_gone KIND NAMESPACE NAME, remove_object KIND NAMESPACE NAME: whether no object of ours is there.
object_gone() {
  local maker
  if [[ $cluster_answers == false ]]; then
    keep "$1 $2/$3: the cluster does not answer"
    return 0
  fi
  maker=$(kube get "$1" "$3" -n "$2" -o json --ignore-not-found | jq -r --arg key "$MAKER" '.metadata.annotations[$key] // "" | "cluster " + .') || return 2
  case $maker in
    '') return 0 ;;
    "cluster $cluster") ;;
    'cluster ') keep "$1 $2/$3, which is of another maker" && return 0 ;;
    *) keep "$1 $2/$3, which is of $maker" && return 0 ;;
  esac
  return 1
}
remove_object() { kube delete "$1" "$3" -n "$2" --ignore-not-found; }

# annotation_gone KIND NAMESPACE NAME ANNOTATION, remove_annotation KIND NAMESPACE NAME ANNOTATION
annotation_gone() {
  local found
  [[ $cluster_answers == true ]] || return 0
  found=$(kube get "$1" "$3" -n "$2" -o json --ignore-not-found | jq -r --arg key "$4" '.metadata.annotations[$key] // ""') || return 2
  [[ -z $found ]]
}
remove_annotation() { kube annotate "$1" "$3" -n "$2" "$4-"; }

# kv_gone MOUNT PATH KEY: whether no secret ID of ours lies there.
kv_gone() {
  local held rc=0
  # not kept: it is a secret.
  held=$(get_anew "$1/data/$2") || rc=$?
  case $rc in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  printf '%s' "$held" | jq -e --arg key "$3" '(.data.data // {}) | keys == [$key]' >/dev/null || {
    keep "$1/$2, which holds more than $3"
    return 0
  }
  [[ $ours == false ]] || return 1
  keep_foreign "$1/metadata/$2"
}
