{{/*
What the values must have together, which their schema can't say, and which Signet would refuse only in the cluster. All
faults are reported at once.
*/}}
{{- define "signet.checks" -}}
{{- $faults := list -}}
{{- with .Values -}}
{{- $tls := .grpc.tls.source -}}
{{- if not (include "signet.isDnsLabel" (include "signet.name" $)) -}}
{{- $by := ternary "nameOverride and the name of the release" "fullnameOverride" (empty .fullnameOverride) -}}
{{- $faults = append $faults (printf "%s must give a DNS label: a-z, 0-9 and -, from a letter to a letter or digit" $by) -}}
{{- end -}}
{{- if not .image.repository }}{{ $faults = append $faults "image.repository must be where the image was pushed" -}}
{{- else if not (include "signet.isImage" .image.repository) -}}
{{- $faults = append $faults "image.repository must be in small letters and have no tag, such as registry.example.com/signet" -}}
{{- end -}}
{{- if not (regexMatch "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$" .image.tag) -}}
{{- $faults = append $faults "image.tag must be 1 to 128 of A-Z a-z 0-9 _ . - that begin with none of . and -" -}}
{{- end -}}
{{- if not .issuer }}{{ $faults = append $faults "issuer must be the URL by which verifiers know this installation" }}{{ end -}}
{{- if eq .state.store "file" -}}
{{- if gt (int .replicas) 1 }}{{ $faults = append $faults "replicas must be 1 where state.store is file" }}{{ end -}}
{{- if .backup.enabled }}{{ $faults = append $faults "backup.enabled needs state.store: nats" }}{{ end -}}
{{- else -}}
{{- if not .nats.url }}{{ $faults = append $faults "nats.url must be set where state.store is nats" }}{{ end -}}
{{- if not .kek.secretName }}{{ $faults = append $faults "kek.secretName must be set where state.store is nats" }}{{ end -}}
{{- end -}}
{{- if and .nats.url (not (include "signet.isNatsUrl" .nats.url)) -}}
{{- $faults = append $faults "nats.url must be tls://HOST:PORT or nats://HOST:PORT without user and password, several of one kind with commas" -}}
{{- end -}}
{{- if ne (len (uniq (list (int .grpc.port) (int .http.port) (int .probes.port)))) 3 -}}
{{- $faults = append $faults "grpc.port, http.port and probes.port must differ" -}}
{{- end -}}
{{- if and .nats.url (ne .nats.auth.type "none") (not .nats.auth.secretName) -}}
{{- $faults = append $faults "nats.auth.secretName must be set unless nats.auth.type is none" -}}
{{- end -}}
{{- if ne (empty .nats.tls.certKey) (empty .nats.tls.keyKey) -}}
{{- $faults = append $faults "nats.tls.certKey and nats.tls.keyKey must be set together" -}}
{{- end -}}
{{- if and .kek.previousKey (not .kek.secretName) -}}
{{- $faults = append $faults "kek.previousKey needs kek.secretName" -}}
{{- end -}}
{{- if eq .kek.previousKey .kek.key }}{{ $faults = append $faults "kek.previousKey must not be kek.key" }}{{ end -}}
{{- range .closedReplicas -}}
{{- if lt (int .) (int $.Values.replicas) }}{{ $faults = append $faults (printf "closedReplicas must be scaled away: replica %d runs" (int .)) }}{{ end -}}
{{- end -}}
{{- if and .closedReplicas (not .nats.url) }}{{ $faults = append $faults "closedReplicas needs nats.url" }}{{ end -}}
{{- if and .closedReplicas (eq .persistence.whenScaled "Delete") -}}
{{- $faults = append $faults "closedReplicas needs persistence.whenScaled: Retain, else their volumes are gone" -}}
{{- end -}}
{{- if not (include "signet.isCron" .backup.schedule) -}}
{{- $faults = append $faults "backup.schedule must be five fields of cron, such as 17 3 * * *" -}}
{{- end -}}
{{- if not (include "signet.isCron" .archive.schedule) -}}
{{- $faults = append $faults "archive.schedule must be five fields of cron, such as 47 2 * * *" -}}
{{- end -}}
{{- if .archive.enabled -}}
{{- if not .nats.url }}{{ $faults = append $faults "archive.enabled needs nats.url" }}{{ end -}}
{{- if not .archive.policy }}{{ $faults = append $faults "archive.policy must be what signet audit keys prints" }}{{ end -}}
{{- if and (ne .nats.auth.type "none") (or (not .archive.secretName) (eq .archive.secretName .nats.auth.secretName)) -}}
{{- $faults = append $faults "archive.secretName must be a Secret of its own, with the user of NATS that may trim the stream" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $tls "files") (not .grpc.tls.secretName) -}}
{{- $faults = append $faults "grpc.tls.secretName must be set where grpc.tls.source is files" -}}
{{- end -}}
{{- if and (ne $tls "files") .grpc.tls.secretName -}}
{{- $faults = append $faults "grpc.tls.secretName must be empty unless grpc.tls.source is files" -}}
{{- end -}}
{{- if and $tls (not .policy) }}{{ $faults = append $faults "policy must be set where grpc.tls.source is not empty" }}{{ end -}}
{{- end -}}
{{- if $faults }}{{ fail (printf "\n- %s" (join "\n- " $faults)) }}{{ end -}}
{{- end -}}
