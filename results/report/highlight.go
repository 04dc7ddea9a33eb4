package report

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

// cueToken finds what is coloured in CUE: comments, strings (also over several
// lines), numbers, words of the language, and the labels of fields.
var cueToken = regexp.MustCompile(`(?s)("""[\s\S]*?"""|"(?:\\.|[^"\\\n])*")(\s*[?!]?:)?|(//[^\n]*)|\b(\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b|\b(true|false|null|if|for|in|let|package|import)\b|([A-Za-z_#][\w#-]*)(\s*[?!]?:)`)

// highlight colours the text of a CUE file. All of it is escaped; what is not
// recognised stays plain.
func highlight(source []byte) template.HTML {
	var b strings.Builder
	text, last := string(source), 0
	span := func(class, s string) {
		b.WriteString(`<span class="` + class + `">` + html.EscapeString(s) + `</span>`)
	}
	for _, m := range cueToken.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(html.EscapeString(text[last:m[0]]))
		last = m[1]
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		switch {
		case group(3) != "":
			span("comment", group(3))
		case group(1) != "" && group(2) != "":
			span("label", group(1))
			b.WriteString(html.EscapeString(group(2)))
		case group(1) != "":
			span("string", group(1))
		case group(4) != "":
			span("digits", group(4))
		case group(5) != "":
			span("word", group(5))
		default:
			span("label", group(6))
			b.WriteString(html.EscapeString(group(7)))
		}
	}
	b.WriteString(html.EscapeString(text[last:]))
	return template.HTML(b.String())
}
