{{- define "umi.name" -}}{{ printf "%s-front" .Release.Name | trunc 63 | trimSuffix "-" }}{{- end }}

{{- define "umi.selector" -}}
app.kubernetes.io/name: umi
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "umi.labels" -}}
{{ include "umi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "umi.image" -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end }}

{{- /* The file cloud.yaml: what the chart decides counts over `settings`, and those over a log as text. */ -}}
{{- define "umi.config" -}}
{{- $engine := merge (dict "kind" "openai" "url" (required "engine.url is needed: http://HOST:PORT/v1" .Values.engine.url) "model" (required "engine.model is needed: the model's name at the engine" .Values.engine.model)) .Values.engine.settings -}}
{{- $own := dict "listen" "0.0.0.0:7443" "enrol_listen" "0.0.0.0:7444" "watch_listen" "0.0.0.0:9090" "state" (required "database.url is needed: postgresql://USER@HOST/DATABASE" .Values.database.url) "certificates" "/certificates" "drain_seconds" .Values.drainSeconds "engine" $engine -}}
{{- toYaml (merge $own .Values.settings (dict "log" "json")) -}}
{{- end }}

{{- define "umi.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: database
    secret: {secretName: {{ .Values.database.secret }}, defaultMode: 0440}
  - name: pgpass                 # libpq refuses a password file that a group can read
    emptyDir: {medium: Memory}
  - name: tmp
    emptyDir: {}
  {{- if .front }}
  - name: config
    configMap: {name: {{ include "umi.name" . }}}
  - name: certificates
    secret: {secretName: {{ .Values.certificates.secret }}, defaultMode: 0440}
  {{- with .Values.files.secret }}
  - name: files
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- end }}
initContainers:
  - name: pgpass
    image: {{ include "umi.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: [install, -m, "0600", /database/pgpass, /pgpass/pgpass]
    securityContext: {{ include "umi.sealed" . | nindent 6 }}
    volumeMounts:
      - {name: database, mountPath: /database, readOnly: true}
      - {name: pgpass, mountPath: /pgpass}
{{- end }}

{{- define "umi.sealed" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{- define "umi.mounts" -}}
- {name: config, mountPath: /etc/umi-cloud, readOnly: true}
- {name: certificates, mountPath: /certificates/ca, readOnly: true}
- {name: pgpass, mountPath: /pgpass, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- if .Values.files.secret }}
- {name: files, mountPath: /files, readOnly: true}
{{- end }}
{{- end }}

{{- define "umi.environment" -}}
- {name: PGPASSFILE, value: /pgpass/pgpass}
- {name: UMI_CLOUD_STATE, value: {{ .Values.database.url | quote }}}
- {name: UMI_CLOUD_CERTIFICATES, value: /certificates}
{{- end }}
