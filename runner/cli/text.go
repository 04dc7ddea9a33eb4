package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"
)

// Duration is a rough time for people: two units.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return "1s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()+0.5))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Thousands writes 151,277,313.
func Thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Short is the part of a key or digest that people read.
func Short(key string) string { return key[:min(12, len(key))] }

// Stamp is a time for people.
func Stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }

// ShortList is the first few names.
func ShortList(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// PrintJSON writes v for machines, indented.
func PrintJSON(w io.Writer, v any) error { return printIndented(w, v, "  ") }

// PrintTabbed is PrintJSON indented by tabs, as records are written.
func PrintTabbed(w io.Writer, v any) error { return printIndented(w, v, "\t") }

func printIndented(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}

// OrDash is a count, or a dash for none.
func OrDash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// Seconds is a measured time for people.
func Seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// JSONText is v as JSON has it, without the quotes of a string.
func JSONText(v any) string {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.Trim(strings.TrimSpace(text.String()), `"`)
}

// TextWidth is the width of the terminal; 0, where there is none, is no limit.
func TextWidth(w io.Writer) int {
	if s, ok := w.(*Screen); ok {
		w = s.file
	}
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// ShownPath is a path as a user would type it here.
func ShownPath(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

// Quote makes one word of the shell.
func Quote(word string) string {
	if strings.ContainsAny(word, " \t\n'\"\\$&|;<>()[]{}*?!#~`") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// Line is a command as it was given, the program by its name alone.
func Line(args []string) string {
	words := []string{"runner"}
	for _, word := range args[1:] {
		words = append(words, Quote(word))
	}
	return strings.Join(words, " ")
}
