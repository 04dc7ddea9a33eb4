package cli

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ParseAge reads a duration as Go does, and whole days and weeks besides: 90m,
// 12h, 30d, 2w.
func ParseAge(text string) (time.Duration, error) {
	for unit, of := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		number, ok := strings.CutSuffix(text, unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			break
		}
		return time.Duration(n) * of, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("not a time (such as 12h, 30d or 2w)")
	}
	return d, nil
}

// byteUnits are read with and without "iB" or "B"; all are powers of 1024 but
// those written kB, MB, GB, TB.
var byteUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

// ParseBytes reads a size: 500MiB, 1.5G, 20GB, 4096.
func ParseBytes(text string) (int64, error) {
	number, unit := text, 1.0
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(n >= 0 && n*unit < 1<<62) { // NaN too
		return 0, errors.New("not a size (such as 500MiB, 20GB or 1.5T)")
	}
	return int64(n * unit), nil
}
