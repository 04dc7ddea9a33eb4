package status

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen shows a status on a terminal and draws it anew in place. It uses the
// alternate screen, so that what stood there before comes back, and leaves the
// last status below it.
type screen struct {
	f    *os.File
	last *Status
}

func newScreen(f *os.File) *screen {
	fmt.Fprint(f, "\x1b[?1049h\x1b[?25l") // alternate screen, no cursor
	return &screen{f: f}
}

// show draws what fits the window as it is now.
func (s *screen) show(st *Status) error {
	s.last = st
	width, height, err := term.GetSize(int(s.f.Fd()))
	if err != nil || width <= 0 || height <= 0 { // a pseudo-terminal that nobody gave a size
		width, height = 80, 24
	}
	_, err = s.f.WriteString(frame(st.text(styleOf(s.f)).lines, width, height))
	return err
}

func (s *screen) close() {
	fmt.Fprint(s.f, "\x1b[?25h\x1b[?1049l")
	if s.last != nil {
		s.f.WriteString(s.last.text(styleOf(s.f)).String())
	}
}

// frame is the lines as one write that overwrites the last frame: each is cut to
// the width and the rest of its row cleared, then what is below.
func frame(lines []string, width, height int) string {
	if left := len(lines) - height; left > 0 && height > 1 {
		lines = append(lines[:height-1:height-1], fmt.Sprintf("... %d lines more; runner status prints them", left+1))
	}
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(fit(line, width) + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	return b.String()
}

// fit cuts a line to so many columns; marks take none and are ended.
func fit(line string, width int) string {
	columns := 0
	for i := 0; i < len(line); {
		if line[i] == '\x1b' {
			end := strings.IndexByte(line[i:], 'm')
			if end < 0 {
				return line[:i]
			}
			i += end + 1
			continue
		}
		if columns == width {
			if strings.Contains(line[:i], "\x1b") {
				return line[:i] + "\x1b[0m"
			}
			return line[:i]
		}
		_, size := utf8.DecodeRuneInString(line[i:])
		columns++
		i += size
	}
	return line
}
