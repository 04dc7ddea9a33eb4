package catalogue

import (
	"testing"
)

func TestQueryClasses(t *testing.T) {
	for name, want := range map[string]int{"imagenet-1k": 1000, "cifar-10": 10} {
		classes, digest, err := QueryClasses(name)
		if err != nil || len(classes) != want || digest == "" {
			t.Errorf("%s: %d classes, digest %q, %v", name, len(classes), digest, err)
		}
	}
	classes, _, err := QueryClasses("elevater")
	seen := map[string]bool{}
	for _, c := range classes {
		if seen[c] {
			t.Errorf("elevater asks for %q twice", c)
		}
		seen[c] = true
	}
	// 1,151 classes in the 20 sets, some with the same name
	if err != nil || len(classes) < 900 || len(classes) > 1151 {
		t.Errorf("elevater: %d classes, %v", len(classes), err)
	}
	for _, name := range []string{"imagenet-2k", "mscoco"} {
		if _, _, err := QueryClasses(name); err == nil {
			t.Errorf("%s has classes", name)
		}
	}
}
