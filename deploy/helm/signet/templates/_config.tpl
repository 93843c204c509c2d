{{/*
The configuration of Signet. The chart's own keys come first: the schema of the values refuses them in `config`. The
paths are those of signet.mounts.
*/}}

{{/* Where a listener is that other pods may reach only over TLS. */}}
{{- define "signet.listen" -}}
{{- .isTls | ternary .Values.listen "127.0.0.1" -}}
{{- end -}}

{{/* The Secret with the certificate of HTTP; empty: HTTP is on loopback. */}}
{{- define "signet.httpSecret" -}}
{{- default .Values.grpc.tls.secretName .Values.http.tls.secretName -}}
{{- end -}}

{{- define "signet.clientCaSecret" -}}
{{- default .Values.grpc.tls.secretName .Values.grpc.tls.clientCaSecretName -}}
{{- end -}}

{{- define "signet.config" -}}
{{- $config := dict "data" "/data" "issuer" .Values.issuer -}}
{{- range $section := tuple "grpc" "http" "nats" "kek" "access" "profiles" "callers" -}}
{{- with include (printf "signet.config.%s" $section) $ | fromYaml }}{{ $_ := set $config $section . }}{{ end -}}
{{- end -}}
{{- $_ := set $config "state" (dict "store" .Values.state.store "first_start" .Values.state.firstStart) -}}
{{- with .Values.shutdown -}}
{{- $_ := set $config "shutdown" (dict "drain" (printf "%ds" (int .drainSeconds)) "grace" (printf "%ds" (int .graceSeconds))) -}}
{{- end -}}
{{- if eq .Values.grpc.tls.source "spiffe" -}}
{{- $_ := set $config "spiffe" (dict "socket" (printf "unix:/spiffe/%s" .Values.spiffe.socketName)) -}}
{{- end -}}
{{- toYaml (merge $config (deepCopy .Values.config)) -}}
{{- end -}}

{{- define "signet.config.grpc" -}}
{{- $source := .Values.grpc.tls.source -}}
address: {{ printf "%s:%d" (include "signet.listen" (dict "isTls" (ne $source "") "Values" .Values)) (int .Values.grpc.port) | quote }}
{{- if $source }}
tls:
  source: {{ $source }}
  {{- if eq $source "files" }}
  cert: /run/signet/grpc/tls.crt
  key: /run/signet/grpc/tls.key
  {{- with .Values.grpc.tls.clientCaKey }}
  client_ca: /run/signet/client-ca/{{ . }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "signet.config.http" -}}
{{- $secret := include "signet.httpSecret" . -}}
address: {{ printf "%s:%d" (include "signet.listen" (dict "isTls" (ne $secret "") "Values" .Values)) (int .Values.http.port) | quote }}
internal_address: {{ printf "%s:%d" .Values.listen (int .Values.probes.port) | quote }}
{{- if $secret }}
tls:
  cert: /run/signet/http/tls.crt
  key: /run/signet/http/tls.key
{{- end }}
{{- end -}}

{{- define "signet.config.nats" -}}
url: {{ .Values.nats.url | quote }}
{{- if .Values.nats.url }}
replicas: {{ .Values.nats.replicas }}
{{- with .Values.nats.tls }}
{{- if .secretName }}
tls:
  {{- with .caKey }}
  ca: /run/signet/nats-tls/{{ . }}
  {{- end }}
  {{- if .certKey }}
  cert: /run/signet/nats-tls/{{ .certKey }}
  key: /run/signet/nats-tls/{{ .keyKey }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .Values.nats.auth }}
{{- if eq .type "password" }}
user_file: /run/signet/nats/{{ .userKey }}
password_file: /run/signet/nats/{{ .passwordKey }}
{{- else if eq .type "nkey" }}
nkey: /run/signet/nats/{{ .nkeyKey }}
{{- else if eq .type "creds" }}
creds: /run/signet/nats/{{ .credsKey }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "signet.config.kek" -}}
{{- with .Values.kek -}}
{{- if .secretName -}}
file: /run/signet/kek/{{ .key }}
create: false
{{- with .previousKey }}
previous: /run/signet/kek/{{ . }}
{{- end }}
{{- else -}}
create: true
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "signet.config.access" -}}
{{- if .Values.policy }}
policy: /etc/signet/policy/policy.yaml
{{- end }}
{{- if .Values.shadowPolicy }}
shadow: /etc/signet/policy/shadow.yaml
{{- end }}
{{- end -}}

{{- define "signet.config.profiles" -}}
{{- if .Values.profiles }}
folder: /etc/signet/profiles
{{- end }}
{{- end -}}

{{- define "signet.config.callers" -}}
{{- with .Values.kubernetesCallers }}
{{- if .enabled }}
issuers:
  {{ .alias }}:
    issuer: {{ .issuer }}
    audience: {{ .audience }}
    algorithms: {{ toJson .algorithms }}
    jwks: https://kubernetes.default.svc/openid/v1/jwks
    ca_file: /run/signet/service-account/ca.crt
    token_file: /run/signet/service-account/token
{{- end }}
{{- end }}
{{- end -}}
