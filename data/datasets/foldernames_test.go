package datasets

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
)

// folderSet is a set with an image in each folder, whose bytes are its name.
func folderSet(t *testing.T, at string, folders []string) string {
	files := map[string]string{}
	for _, f := range folders {
		files[at+f+"/0.png"] = f
	}
	return put(t, t.TempDir(), files)
}

// TestPublishedFolders: the folders of archives as published, with the classes that they are, as
// the authors describe them.
func TestPublishedFolders(t *testing.T) {
	var padded, from1, from0 []string
	for i := range 43 {
		padded = append(padded, fmt.Sprintf("%05d", i))
	}
	for i := range 102 {
		from1, from0 = append(from1, fmt.Sprint(i+1)), append(from0, fmt.Sprint(i))
	}
	country := lastNames(t, "country211")
	for _, tc := range []struct {
		bench, at string
		folders   []string
		want      map[string]string // folder → name of its class
	}{
		{"eurosat", "2750/", strings.Fields("AnnualCrop Forest HerbaceousVegetation Highway Industrial Pasture PermanentCrop Residential River SeaLake"),
			map[string]string{"HerbaceousVegetation": "brushland or shrubland", "SeaLake": "lake or sea", "Forest": "forest"}},
		{"fer-2013", "test/", strings.Fields("angry disgust fear happy neutral sad surprise"), map[string]string{"disgust": "disgusted", "surprise": "surprised", "neutral": "neutral"}},
		{"gtsrb", "GTSRB/Training/", padded, map[string]string{"00000": "red and white circle 20 kph speed limit", "00014": "stop"}},
		{"oxford-flowers-102", "test/", from1, map[string]string{"1": "pink primrose", "102": "blackberry lily", "10": "globe thistle"}},
		{"caltech-101", "101_ObjectCategories/", lastNames(t, "caltech-101"),
			map[string]string{"Faces": "off-center face", "Faces_easy": "centered face", "Leopards": "leopard", "car_side": "side of a car", "BACKGROUND_Google": "background", "yin_yang": "yin and yang symbol"}},
		{"country211", "country211/test/", country, map[string]string{"CH": "Switzerland", "KP": "North Korea", "ZW": "Zimbabwe", "AX": "Aland Islands"}},
		{"patch-camelyon", "test/", []string{"0", "1"}, map[string]string{"1": "lymph node containing metastatic tumor tissue"}},
		{"kitti-distance", "", []string{"0", "1", "2", "3"}, map[string]string{"3": "a photo i took with no car."}},
		{"hateful-memes", "", []string{"0", "1"}, map[string]string{"1": "hatespeech meme"}},
		{"fashion-mnist", "", strings.Fields("0 1 2 3 4 5 6 7 8 9"), map[string]string{"9": "ankle boot"}},
		{"mnist", "", strings.Fields("0 1 2 3 4 5 6 7 8 9"), map[string]string{"9": "9"}},
	} {
		t.Run(tc.bench, func(t *testing.T) {
			e, err := catalogue.Find(tc.bench)
			if err != nil {
				t.Fatal(err)
			}
			if len(tc.folders) != e.NumClasses {
				t.Fatalf("%d folders", len(tc.folders))
			}
			s, err := OpenSplit(folderSet(t, tc.at, tc.folders), Options{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			for i, item := range s.Items {
				folder, err := s.Read(i)
				if want, ok := tc.want[string(folder)]; err != nil || ok && s.Names[item.Label][0] != want {
					t.Errorf("folder %s is class %q, %v", folder, s.Names[item.Label][0], err)
				} else if ok {
					seen++
				}
			}
			if seen != len(tc.want) {
				t.Errorf("%d of %d folders", seen, len(tc.want))
			}
		})
	}
	flowers, _ := catalogue.Find("oxford-flowers-102")
	if _, err := OpenSplit(folderSet(t, "", from0), Options{Entry: flowers}); err == nil || !strings.Contains(err.Error(), `folder "0" is none of the classes of oxford-flowers-102`) {
		t.Errorf("flowers from 0: %v", err)
	}
	if c, _ := catalogue.Find("gtsrb"); c != nil {
		if _, err := OpenSplit(folderSet(t, "", append(slices.Clone(padded[:42]), "00000043")), Options{Entry: c}); err == nil {
			t.Error("a sign too many is taken")
		}
	}
}

// lastNames are the names of an entry's folders where the archives have names of their own.
func lastNames(t *testing.T, name string) (names []string) {
	e, err := catalogue.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range e.FolderClasses() {
		names = append(names, of[len(of)-1])
	}
	return names
}

// TestFolderNamesMatch: what archives call the folder of a class is no other class's name.
func TestFolderNamesMatch(t *testing.T) {
	for _, e := range catalogue.All() {
		if len(e.Classes) == 0 || len(e.FolderClasses()[0]) == len(e.Classes[0]) {
			continue
		}
		names := lastNames(t, e.Name)
		if place, named := matchNames(names, e.FolderClasses()); named != len(names) || !slices.IsSorted(place) {
			t.Errorf("%s: places %v", e.Name, place)
		}
	}
}
