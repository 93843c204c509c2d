{{/* What the pods of the service, of the backup and of the test have in common. */}}

{{/* Of the pod. The group may read the Secrets, which belong to root. */}}
{{- define "signet.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# Otherwise kubelet walks through the whole volume before each start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Of the container. */}}
{{- define "signet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "signet.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The files that the configuration names, by the names of signet.mounts. Kubelet makes the mode 0400 of a Secret 0440. */}}
{{- define "signet.volumes" -}}
- name: config
  configMap:
    name: {{ include "signet.name" . }}-config
    items:
      - key: signet.yaml
        path: signet.yaml
{{- if .Values.profiles }}
- name: profiles
  configMap:
    name: {{ include "signet.name" . }}-profiles
{{- end }}
{{- if or .Values.policy .Values.shadowPolicy }}
- name: policy
  configMap:
    name: {{ include "signet.name" . }}-policy
{{- end }}
{{- with .Values.kek }}
{{- if .secretName }}
{{ include "signet.secretVolume" (dict "name" "kek" "secret" .secretName "keys" (compact (list .key .previousKey))) }}
{{- end }}
{{- end }}
{{- with .Values.grpc.tls }}
{{- if eq .source "files" }}
{{ include "signet.secretVolume" (dict "name" "grpc" "secret" .secretName "keys" (list "tls.crt" "tls.key")) }}
{{- if .clientCaKey }}
{{ include "signet.secretVolume" (dict "name" "client-ca" "secret" (include "signet.clientCaSecret" $) "keys" (list .clientCaKey)) }}
{{- end }}
{{- end }}
{{- end }}
{{- with include "signet.httpSecret" . }}
{{ include "signet.secretVolume" (dict "name" "http" "secret" . "keys" (list "tls.crt" "tls.key")) }}
{{- end }}
{{- with .Values.nats }}
{{- if .url }}
{{- if .tls.secretName }}
{{ include "signet.secretVolume" (dict "name" "nats-tls" "secret" .tls.secretName "keys" (compact (list .tls.caKey .tls.certKey .tls.keyKey))) }}
{{- end }}
{{- if ne .auth.type "none" }}
{{ include "signet.secretVolume" (dict "name" "nats" "secret" .auth.secretName "keys" (include "signet.natsKeys" .auth | fromJsonArray)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq .Values.grpc.tls.source "spiffe" }}
- name: spiffe
  csi:
    driver: {{ .Values.spiffe.csiDriver }}
    readOnly: true
{{- end }}
{{- if .Values.kubernetesCallers.enabled }}
# Of the service account alone, to read the keys of the cluster's tokens.
- name: service-account
  projected:
    defaultMode: 256 # 0400
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- range $index, $extra := .Values.extraSecrets }}
- name: extra-{{ $index }}
  secret:
    secretName: {{ $extra.secretName }}
    defaultMode: 256 # 0400
{{- end }}
{{- end -}}

{{/* Only these keys of the Secret: the pod needs no others. */}}
{{- define "signet.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 256 # 0400
    items:
      {{- range .keys }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end -}}

{{- define "signet.natsKeys" -}}
{{- if eq .type "password" -}}
{{- list .userKey .passwordKey | toJson -}}
{{- else if eq .type "nkey" -}}
{{- list .nkeyKey | toJson -}}
{{- else -}}
{{- list .credsKey | toJson -}}
{{- end -}}
{{- end -}}

{{/* No subPath: kubelet would not replace such a file when its ConfigMap or Secret changes. */}}
{{- define "signet.mounts" -}}
- name: config
  mountPath: /etc/signet/config
  readOnly: true
{{- if .Values.profiles }}
- name: profiles
  mountPath: /etc/signet/profiles
  readOnly: true
{{- end }}
{{- if or .Values.policy .Values.shadowPolicy }}
- name: policy
  mountPath: /etc/signet/policy
  readOnly: true
{{- end }}
{{- $names := list -}}
{{- if .Values.kek.secretName }}{{ $names = append $names "kek" }}{{ end -}}
{{- if eq .Values.grpc.tls.source "files" }}{{ $names = append $names "grpc" }}{{ end -}}
{{- if and (eq .Values.grpc.tls.source "files") .Values.grpc.tls.clientCaKey }}{{ $names = append $names "client-ca" }}{{ end -}}
{{- if include "signet.httpSecret" . }}{{ $names = append $names "http" }}{{ end -}}
{{- if and .Values.nats.url .Values.nats.tls.secretName }}{{ $names = append $names "nats-tls" }}{{ end -}}
{{- if and .Values.nats.url (ne .Values.nats.auth.type "none") }}{{ $names = append $names "nats" }}{{ end -}}
{{- if .Values.kubernetesCallers.enabled }}{{ $names = append $names "service-account" }}{{ end -}}
{{- range $names }}
- name: {{ . }}
  mountPath: /run/signet/{{ . }}
  readOnly: true
{{- end }}
{{- if eq .Values.grpc.tls.source "spiffe" }}
- name: spiffe
  mountPath: /spiffe
  readOnly: true
{{- end }}
{{- range $index, $extra := .Values.extraSecrets }}
- name: extra-{{ $index }}
  mountPath: {{ $extra.mountPath }}
  readOnly: true
{{- end }}
{{- end -}}
