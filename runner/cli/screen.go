package cli

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Screen is a stream for messages of which a terminal's last line can be kept: what is written
// goes above that line, so that no text is ever written into it. Elsewhere it only passes on.
// It may be used by several goroutines.
type Screen struct {
	file     *os.File
	terminal bool

	mu   sync.Mutex
	line string // what is shown below all text; "" is nothing
	mid  bool   // the text written last did not end its line
}

// NewScreen is for a stream that a program begins with.
func NewScreen(file *os.File) *Screen { return &Screen{file: file, terminal: IsTerminal(file)} }

// IsTerminal says whether w is a terminal on which a line can be written again.
func IsTerminal(w io.Writer) bool {
	if s, ok := w.(*Screen); ok {
		return s.terminal
	}
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// eraseLine goes to the first column and empties the line.
const eraseLine = "\r\x1b[K"

// Write prints text above the line.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal || len(text) == 0 {
		return s.file.Write(text)
	}
	var b strings.Builder
	if s.line != "" && !s.mid {
		b.WriteString(eraseLine)
	}
	b.Write(text)
	s.mid = text[len(text)-1] != '\n'
	if !s.mid {
		b.WriteString(s.line)
	}
	if _, err := io.WriteString(s.file, b.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Show puts a line in the place of the one that is shown; "" takes it away.
func (s *Screen) Show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal || line == s.line {
		return
	}
	s.line = line
	if !s.mid {
		io.WriteString(s.file, eraseLine+line)
	}
}

// Width is how many columns a line may take without being broken. Room is left for the "^C"
// that a terminal echoes.
func (s *Screen) Width() int {
	width := TextWidth(s.file)
	if width == 0 { // a pseudo-terminal that nobody gave a size
		width = 80
	}
	return max(width-3, 1)
}

// Bar is a part of a whole, in so many columns of plain characters.
func Bar(done, total, width int) string {
	full := min(max(done*width/max(total, 1), 0), width)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}
