package findings

import (
	"html/template"
	"io"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// writeHTML writes one page that needs nothing else.
func writeHTML(w io.Writer, r *Result) error {
	type shown struct {
		Finding
		Before, Marked, After string
	}
	data := struct {
		*Result
		Shown []shown
	}{Result: r}
	for _, f := range r.Findings {
		s := shown{Finding: f}
		text := []rune(f.Text)
		start, end := min(max(0, f.Column-1-f.Skipped), len(text)), min(max(0, f.EndColumn-1-f.Skipped), len(text))
		if f.EndLine != f.Line || end < start {
			end = len(text)
		}
		s.Before, s.Marked, s.After = string(text[:start]), string(text[start:end]), string(text[end:])
		data.Shown = append(data.Shown, s)
	}
	return page.Execute(w, data)
}

var page = template.Must(template.New("findings").Funcs(template.FuncMap{"line": printable.Line}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>lameduck check</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
article{border-left:4px solid #888;padding:.2rem 1rem;margin:1.2rem 0;background:#f7f7f7}
.error{border-color:#c22}.warning{border-color:#c80}.info{border-color:#28a}
pre{overflow-x:auto;background:#fff;padding:.4rem}mark{background:#fd8}small{color:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}article{background:#222}pre{background:#111}}
</style></head><body>
<h1>lameduck check</h1>
<p>{{.Summary.Objects}} objects in {{.Summary.Files}} files: {{.Summary.Errors}} errors, {{.Summary.Warnings}} warnings, {{.Summary.Infos}} info, {{.Summary.Suppressed}} suppressed.</p>
{{range .Shown}}<article class="{{.Severity}}">
<b>{{line .Message}}</b><br><small>{{.Severity}}, {{.Confidence}} · {{.Rule}} · {{line .Object}}{{with .BuiltBy}}, as built by {{line .}}{{end}} · {{line .Place}}</small>
{{if .Text}}<pre>{{line .Before}}<mark>{{line .Marked}}</mark>{{line .After}}</pre>{{end}}
<p>{{line .Remedy}}</p>
</article>
{{end}}{{range .Unreadable}}<article class="error"><b>cannot read {{line .File}}{{if .Line}}:{{.Line}}{{end}}</b><p>{{line .Message}}</p></article>
{{end}}</body></html>
`))
