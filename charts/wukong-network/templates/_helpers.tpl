{{- /* Refuses values that do not go together, which no schema can say. */ -}}
{{- define "wukong-network.check" -}}
{{- if regexMatch "[:@][^/]*$" .Values.image.repository -}}
{{- fail (printf "image.repository is %q, with a tag or digest: give that in image.tag or image.digest" .Values.image.repository) -}}
{{- end -}}
{{- if and (or .Values.monitoring.serviceMonitor .Values.monitoring.rules) (not .Values.metrics.enabled) -}}
{{- fail "monitoring.serviceMonitor and monitoring.rules need metrics, and metrics.enabled is false: set it to true, or both of them to false" -}}
{{- end -}}
{{- $values := dict "cluster-name" "clusterName" "metrics-bind-address" "metrics.enabled" "query-bind-address" "query.enabled" "metrics-cert-dir" "certificateSecret" -}}
{{- range .Values.extraArgs -}}
{{- $flag := regexReplaceAll "^-+|=.*" . "" -}}
{{- with get $values $flag -}}
{{- fail (printf "extraArgs has --%s: set the value %s instead, on which more depends than this flag" $flag .) -}}
{{- end -}}
{{- if eq $flag "health-probe-bind-address" -}}
{{- fail "extraArgs has --health-probe-bind-address: leave it out, the probes of the Pods ask port 8081" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The image, by digest where one is given. */ -}}
{{- define "wukong-network.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
