package writers

import (
	"testing"
)

// TestCSVCell: what a spreadsheet would run is text, what is a number stays one.
func TestCSVCell(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"a cat":                   "a cat",
		"a=b":                     "a=b",
		"-0.5":                    "-0.5",
		"+12":                     "+12",
		"-1e-9":                   "-1e-9",
		"-Inf":                    "-Inf",
		"=1+1":                    "'=1+1",
		"=HYPERLINK(\"x\",\"y\")": "'=HYPERLINK(\"x\",\"y\")",
		"+cmd|' /C calc'!A0":      "'+cmd|' /C calc'!A0",
		"-2+3":                    "'-2+3",
		"@SUM(1)":                 "'@SUM(1)",
		"\t=1":                    "'\t=1",
		"\r=1":                    "'\r=1",
		"\uff1d1":                 "'\uff1d1",
		"'quoted":                 "'quoted",
	} {
		if got := CSVCell(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
