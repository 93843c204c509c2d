{{/* Whether a text has a format, as "true" or nothing. */}}

{{/* What a Service may be called. */}}
{{- define "signet.isDnsLabel" -}}
{{- if regexMatch "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$" . }}true{{ end -}}
{{- end -}}

{{/* The name of an image without tag and digest, in a registry or not. */}}
{{- define "signet.isImage" -}}
{{- $host := "([a-z0-9.-]+|\\[[0-9a-f:]+\\])(:[0-9]{1,5})?" -}}
{{- $part := "[a-z0-9]+((\\.|_{1,2}|-+)[a-z0-9]+)*" -}}
{{- if regexMatch (printf "^(%s/)?%s(/%s)*$" $host $part $part) . }}true{{ end -}}
{{- end -}}

{{/* As Signet takes nats.url: servers with the same scheme, and each with a port. */}}
{{- define "signet.isNatsUrl" -}}
{{- $port := "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])" -}}
{{- range $scheme := tuple "nats" "tls" -}}
{{- $server := printf "%s://[^@/, ]+:%s" $scheme $port -}}
{{- if regexMatch (printf "^%s(,%s)*$" $server $server) $ }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The five fields of cron, as Kubernetes takes them. */}}
{{- define "signet.isCron" -}}
{{- $month := "0?[1-9]|1[0-2]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec" -}}
{{- $numbers := list "[0-5]?[0-9]" "[01]?[0-9]|2[0-3]" "0?[1-9]|[12][0-9]|3[01]" $month "0?[0-6]|sun|mon|tue|wed|thu|fri|sat" -}}
{{- $fields := list -}}
{{- range $numbers -}}
{{- $item := printf "(\\*|(%s)(-(%s))?)(/[1-9][0-9]?)?" . . -}}
{{- $fields = append $fields (printf "%s(,%s)*" $item $item) -}}
{{- end -}}
{{- if regexMatch (printf "(?i)^%s$" (join " +" $fields)) . }}true{{ end -}}
{{- end -}}
