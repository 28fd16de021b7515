# --- the secret ID lies in a Secret of the cluster

# the annotation that names the secret ID which a Secret held before, by its accessor. An accessor is no secret.
readonly PREVIOUS=cdk8s-mesh-ca/previous-accessor

# held_secret_id: prints the secret ID that cert-manager is given; 1 where there is none yet.
held_secret_id() { secret_value "$secret_namespace" "$secret_name" "$secret_key"; }

# previous_accessor: prints the accessor of the one that was there before, where that is not destroyed yet.
previous_accessor() { secret_annotation "$secret_namespace" "$secret_name" "$PREVIOUS"; }

# carry_secret_id PREVIOUS: brings the secret ID of standard input there, and the accessor of the one that it replaces and that is left to destroy.
carry_secret_id() { apply_secret "$secret_namespace" "$secret_name" "$secret_key" "$PREVIOUS" "$1"; }

