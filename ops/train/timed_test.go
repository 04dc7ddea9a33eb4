package train

import "testing"

func TestSameButTimes(t *testing.T) {
	const a = `{"step":6,"loss":4.1,"positives":1,"imagesPerSecond":81}` + "\n"
	for other, want := range map[string]bool{
		a: true,
		`{"step":6,"loss":4.1,"positives":1,"imagesPerSecond":1.5e+06}` + "\n": true,
		`{"step":6,"loss":4.1,"positives":1}` + "\n":                           true,
		`{"step":6,"loss":4.2,"positives":1,"imagesPerSecond":81}` + "\n":      false,
		a + a: false,
		"":    false,
	} {
		if got := SameButTimes([]byte(a), []byte(other)); got != want {
			t.Errorf("%q: %v, want %v", other, got, want)
		}
	}
}
