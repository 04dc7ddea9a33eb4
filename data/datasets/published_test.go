package datasets

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/image"
)

// A writer of MATLAB 5 files, as far as lists need: see package matfile.

func matElement(kind int, data []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(kind))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	out = append(out, data...)
	return append(out, make([]byte, (8-len(data)%8)%8)...)
}

func matInts(numbers ...int) []byte {
	var out []byte
	for _, n := range numbers {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	return out
}

func matArray(class int, name string, rows, columns int, contents ...[]byte) []byte {
	body := matElement(6, matInts(class, 0))
	body = append(body, matElement(5, matInts(rows, columns))...)
	body = append(body, matElement(1, []byte(name))...)
	for _, c := range contents {
		body = append(body, c...)
	}
	return matElement(14, body)
}

func matNumbers(name string, numbers ...float64) []byte {
	var raw []byte
	for _, n := range numbers {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(n))
	}
	return matArray(6, name, 1, len(numbers), matElement(9, raw))
}

func matText(name, text string) []byte {
	return matArray(4, name, 1, len(text), matElement(16, []byte(text)))
}

func matCells(name string, cells ...[]byte) []byte { return matArray(1, name, 1, len(cells), cells...) }

// matStructs is an array of structs with the fields class and fname.
func matStructs(name string, classes []float64, files []string) []byte {
	contents := [][]byte{matElement(5, matInts(8)), matElement(1, []byte("class\x00\x00\x00fname\x00\x00\x00"))}
	for i, c := range classes {
		contents = append(contents, matNumbers("", c), matText("", files[i]))
	}
	return matArray(2, name, 1, len(classes), contents...)
}

func matFile(variables ...[]byte) string {
	head := make([]byte, 128)
	copy(head, "MATLAB 5.0 MAT-file")
	head[125], head[126], head[127] = 1, 'I', 'M'
	for _, v := range variables {
		head = append(head, v...)
	}
	return string(head)
}

// publishedSets are archives as published, unpacked, with an image or two a class; images hold the
// name of the class that they must get.
func publishedSets(t testing.TB) map[string]map[string]string {
	sets := map[string]map[string]string{}
	flowers := map[string]string{}
	var labels, ids []float64
	f, _ := catalogue.Find("oxford-flowers-102")
	for i := range 102 {
		labels, ids = append(labels, float64(1+(i*5)%102)), append(ids, float64(102-i))
	}
	for i, l := range labels {
		flowers[fmt.Sprintf("flowers-102/jpg/image_%05d.jpg", i+1)] = f.Classes[int(l)-1][0]
	}
	flowers["flowers-102/imagelabels.mat"] = matFile(matNumbers("labels", labels...))
	flowers["flowers-102/setid.mat"] = matFile(matNumbers("trnid", 1), matNumbers("valid", 2), matNumbers("tstid", ids...))
	sets["oxford-flowers-102"] = flowers

	pets, list := map[string]string{"annotations/list.txt": "#Image CLASS-ID SPECIES BREED ID\n"}, ""
	p, _ := catalogue.Find("oxford-pets")
	for i, c := range p.Classes {
		name := strings.ReplaceAll(c[0], " ", "_")
		list += fmt.Sprintf("%s_%d %d 1 1\n", name, 100+i, i+1)
		pets[fmt.Sprintf("images/%s_%d.jpg", name, 100+i)] = c[0]
	}
	pets["annotations/test.txt"] = list
	sets["oxford-pets"] = pets

	for bench, form := range map[string][3]string{"dtd": {"dtd/", "labels/test1.txt", "labels/labels_joint_anno.txt"}, "food-101": {"food-101/", "meta/test.txt", "meta/labels.txt"}} {
		e, _ := catalogue.Find(bench)
		files, list := map[string]string{form[0] + form[2]: ""}, ""
		for i, c := range e.Classes {
			folder := strings.ReplaceAll(c[0], " ", "_")
			line := fmt.Sprintf("%s/%d", folder, i)
			files[form[0]+"images/"+line+".jpg"] = c[0]
			if bench == "dtd" {
				line += ".jpg"
			}
			list = line + "\n" + list
		}
		files[form[0]+form[1]] = list
		sets[bench] = files
	}

	aircraft, variants, list := map[string]string{}, "", ""
	a, _ := catalogue.Find("fgvc-aircraft")
	for i, c := range a.Classes {
		name := strings.NewReplacer("F-16A-B", "F-16A/B", "F-A-18", "F/A-18").Replace(c[0])
		variants += name + "\n"
		list += fmt.Sprintf("%07d %s\n", i, name)
		aircraft[fmt.Sprintf("fgvc-aircraft-2013b/data/images/%07d.jpg", i)] = c[0]
	}
	aircraft["fgvc-aircraft-2013b/data/variants.txt"], aircraft["fgvc-aircraft-2013b/data/images_variant_test.txt"] = variants, list
	sets["fgvc-aircraft"] = aircraft

	cars := map[string]string{}
	var classes []float64
	var names []string
	var cells [][]byte
	c, _ := catalogue.Find("stanford-cars")
	for i, class := range c.Classes {
		classes, names, cells = append(classes, float64(i+1)), append(names, fmt.Sprintf("%05d.jpg", i+1)), append(cells, matText("", class[0]))
		cars["cars_test/"+names[i]] = class[0]
	}
	cars["devkit/cars_meta.mat"], cars["cars_test_annos_withlabels.mat"] = matFile(matCells("class_names", cells...)), matFile(matStructs("annotations", classes, names))
	sets["stanford-cars"] = cars

	signs, list := map[string]string{}, "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\r\n"
	g, _ := catalogue.Find("gtsrb")
	for i, c := range g.Classes {
		signs[fmt.Sprintf("GTSRB/Final_Test/Images/%05d.ppm", 42-i)] = c[0]
		list += fmt.Sprintf("%05d.ppm;53;54;6;5;48;49;%d\r\n", 42-i, i)
	}
	signs["GT-final_test.csv"], signs["GTSRB/Training/00000/00000_00000.ppm"] = list, "x"
	sets["gtsrb"] = signs

	voc := map[string]string{}
	v, _ := catalogue.Find("voc-2007")
	all := ""
	for i, c := range v.Classes {
		all += fmt.Sprintf("%06d\n", i)
		list := ""
		for j := range v.Classes {
			list += fmt.Sprintf("%06d %2d\n", j, map[bool]int{true: 1, false: -1}[i == j])
		}
		voc["VOCdevkit/VOC2007/ImageSets/Main/"+c[0]+"_test.txt"] = list
		voc[fmt.Sprintf("VOCdevkit/VOC2007/JPEGImages/%06d.jpg", i)] = c[0]
	}
	voc["VOCdevkit/VOC2007/ImageSets/Main/test.txt"] = all
	sets["voc-2007"] = voc

	sets["hateful-memes"] = map[string]string{"img/1.png": "hatespeech meme", "img/2.png": "meme",
		"dev_seen.jsonl": `{"id":1,"img":"img/1.png","label":1,"text":"a"}` + "\n" + `{"id":2,"img":"img/2.png","label":0,"text":"b"}` + "\n"}
	return sets
}

// TestPublished reads each form with its entry and, where a file marks it, without: every image has
// the class whose name it holds.
func TestPublished(t *testing.T) {
	sets := publishedSets(t)
	for _, form := range publishedForms {
		files := sets[form.bench]
		if form.bench == "fer-2013" {
			continue // pixels in a table: TestFaces
		}
		t.Run(form.bench, func(t *testing.T) {
			e, err := catalogue.Find(form.bench)
			if err != nil {
				t.Fatal(err)
			}
			dir := put(t, t.TempDir(), files)
			s, err := OpenSplit(dir, Options{Entry: e})
			if err != nil {
				t.Fatal(err)
			}
			if s.Layout != "published" || len(s.Items) != e.NumClasses {
				t.Fatalf("%d items (%s)", len(s.Items), s.Layout)
			}
			for i := range s.Items {
				raw, err := s.Read(i)
				if l := s.Labels(i); err != nil || len(l) != 1 || s.Names[l[0]][0] != string(raw) {
					t.Fatalf("%s, labels %v: shows %q, %v", s.Items[i].Key, l, raw, err)
				}
			}
			if form.mark == "" {
				return
			}
			alone, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if what, _ := alone.codes(); what != "" || len(alone.Classes) != e.NumClasses || len(alone.Items) != len(s.Items) {
				t.Errorf("without its name: %d classes, %q", len(alone.Classes), what)
			}
			for i := range alone.Items {
				raw, _ := alone.Read(i)
				if l := alone.Labels(i); classnames.Plain(alone.Classes[l[0]]) != classnames.Plain(string(raw)) {
					t.Fatalf("without its name: %s is %q and shows %q", alone.Items[i].Key, alone.Classes[l[0]], raw)
				}
			}
		})
	}
}

// TestPublishedSplits: each split by the list that is its own.
func TestPublishedSplits(t *testing.T) {
	sets := publishedSets(t)
	flowers, _ := catalogue.Find("oxford-flowers-102")
	dir := put(t, t.TempDir(), sets["oxford-flowers-102"])
	for split, want := range map[string]string{"train": "flowers-102/jpg/image_00001.jpg", "val": "flowers-102/jpg/image_00002.jpg"} {
		s, err := openLayout(dir, Options{Split: split, Entry: flowers})
		if err != nil || len(s.Items) != 1 || s.Items[0].Key != want {
			t.Errorf("%s: %v, %v", split, s, err)
		}
	}
	signs, _ := catalogue.Find("gtsrb")
	var training []string
	for i := range 43 {
		training = append(training, fmt.Sprintf("%05d", i))
	}
	for _, at := range []string{"GTSRB/Training/", "GTSRB/Final_Training/Images/"} {
		dir := folderSet(t, at, training)
		put(t, dir, map[string]string{"GTSRB/Final_Test/Images/0.ppm": "x", at + "00000/GT-00000.csv": "x"})
		if s, err := OpenSplit(dir, Options{Split: "train", Entry: signs}); err != nil || len(s.Items) != 43 {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestVOCLabels: an image may show several things or none, and what is difficult counts.
func TestVOCLabels(t *testing.T) {
	files := publishedSets(t)["voc-2007"]
	main := "VOCdevkit/VOC2007/ImageSets/Main/"
	files[main+"cat_test.txt"] = "000000  0\n000001 -1\n000007  1\n"
	files[main+"bus_test.txt"] = "000007 -1\n"
	e, _ := catalogue.Find("voc-2007")
	s, err := openLayout(put(t, t.TempDir(), files), Options{Split: "test", Entry: e})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Many[0], []int{0, 7}) || !slices.Equal(s.Many[7], []int{7}) || len(s.Many[5]) != 0 {
		t.Errorf("labels %v", s.Many)
	}
}

// TestFaces: FER-2013's numbers are in another order than its folders and the entry's classes.
func TestFaces(t *testing.T) {
	e, _ := catalogue.Find("fer-2013")
	grey := func(v int) string { return strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", v), faceSide*faceSide)) }
	rows, icml := "emotion,pixels,Usage\n0,"+grey(9)+",Training\n", "emotion, Usage, pixels\n"
	for i := range 7 {
		rows += fmt.Sprintf("%d,%s,PrivateTest\n", i, grey(i))
		icml += fmt.Sprintf("%d,PrivateTest,%s\n", i, grey(i))
	}
	want := []string{"angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"}
	for name, table := range map[string]string{"fer2013.csv": rows, "icml_face_data.csv": icml} {
		s, err := OpenSplit(put(t, t.TempDir(), map[string]string{"fer2013/" + name: table}), Options{Entry: e})
		if err != nil {
			t.Fatal(err)
		}
		for i, item := range s.Items {
			raw, err := s.Read(i)
			if err != nil {
				t.Fatal(err)
			}
			img, err := image.DecodeOnWhite(raw)
			if err != nil || s.Names[item.Label][0] != want[i] || int(img.Pix[0]) != i || img.W != 48 {
				t.Errorf("%s: row %d is %q, %v", name, i, s.Names[item.Label][0], err)
			}
		}
	}
	for table, want := range map[string]string{
		"emotion,pixels,Usage\n7," + grey(1) + ",PrivateTest\n": `line 2: emotion "7" is not 0 to 6`, "emotion,pixels,Usage\n1,1 2 3,PrivateTest\n": "line 2: pixels: want 2304 numbers, got 3",
		"emotion,pixels,Usage\n1,256,PrivateTest\n": `line 2: pixels: want 2304 numbers up to 255, got "256"`, "emotion,pixels\n": "want emotion, pixels and Usage",
	} {
		if _, err := OpenSplit(put(t, t.TempDir(), map[string]string{"fer2013.csv": table}), Options{Entry: e}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPublishedErrors(t *testing.T) {
	sets := publishedSets(t)
	for _, tc := range []struct{ bench, file, body, want string }{
		{"oxford-flowers-102", "flowers-102/setid.mat", matFile(matNumbers("tstid", 103)), "image 103 of tstid is none of 102"},
		{"oxford-flowers-102", "flowers-102/setid.mat", matFile(matNumbers("trnid", 1)), "no variable tstid"},
		{"oxford-flowers-102", "flowers-102/imagelabels.mat", "no mat", "imagelabels.mat: not a little-endian MATLAB 5 file"},
		{"oxford-flowers-102", "flowers-102/imagelabels.mat", matFile(matNumbers("labels", 0)), "none of 1"},
		{"oxford-pets", "annotations/test.txt", "Abyssinian_1 1 1\n", `annotations/test.txt: line 1: "Abyssinian_1 1 1" is not IMAGE CLASS SPECIES BREED`},
		{"dtd", "dtd/labels/test1.txt", "banded\n", `"banded" is not CLASS/IMAGE`},
		{"dtd", "dtd/labels/test1.txt", "../../../x/y\nbanded/1.jpg\n", "lies outside of the set's folder"},
		{"food-101", "food-101/meta/test.txt", "apple_pie/7\n", "1 of 1 listed images are not there, the first is food-101/images/apple_pie/7.jpg"},
		{"fgvc-aircraft", "fgvc-aircraft-2013b/data/images_variant_test.txt", "0000001 Concorde\n", `line 1: "Concorde" is no variant`},
		{"stanford-cars", "cars_test_annos_withlabels.mat", matFile(matNumbers("annotations", 1)), "annotations of 0 classes for 0 files"},
		{"gtsrb", "GT-final_test.csv", "Filename;Width\na.ppm;1\n", "want Filename and ClassId"},
		{"voc-2007", "VOCdevkit/VOC2007/ImageSets/Main/cat_test.txt", "000001 2\n", `cat_test.txt: line 1: "000001 2" is not IMAGE and -1, 0 or 1`},
		{"hateful-memes", "dev_seen.jsonl", `{"id":1,"img":"img/1.png"}`, "want img and label"},
	} {
		files := map[string]string{}
		for name, body := range sets[tc.bench] {
			files[name] = body
		}
		files[tc.file] = tc.body
		e, _ := catalogue.Find(tc.bench)
		if _, err := OpenSplit(put(t, t.TempDir(), files), Options{Entry: e}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.bench, err, tc.want)
		}
	}
}

// TestPackedBeside: an archive that has not been unpacked is named with the way to do it.
func TestPackedBeside(t *testing.T) {
	for name, want := range map[string]string{
		"102flowers.tgz": "; is 102flowers.tgz unpacked? (tar xzf 102flowers.tgz)", "EuroSAT.zip": "; is EuroSAT.zip unpacked? (unzip EuroSAT.zip)",
		"camelyonpatch_level_2_split_test_x.h5": "is HDF5, which is not read (runner data show", "NWPU-RESISC45.rar": "(unrar x NWPU-RESISC45.rar)",
	} {
		if _, err := Open(put(t, t.TempDir(), map[string]string{name: "x"})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	dir := put(t, t.TempDir(), map[string]string{"x.tgz": "x", "test/cat/1.png": "1", "test/dog/1.png": "2"})
	if _, err := Open(dir); err != nil {
		t.Errorf("a sound set beside an archive: %v", err)
	}
}
