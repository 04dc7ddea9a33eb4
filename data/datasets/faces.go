package datasets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"react/data/delimited"
)

// faceLists are the tables of FER-2013 that hold all splits; those of the competition's second
// form, train.csv and test.csv, have the training images alone with labels.
var faceLists = []string{"fer2013.csv", "icml_face_data.csv"}

// faceClasses are what FER-2013's numbers mean; the folders of its other form and the entry have
// another order.
var faceClasses = []string{"angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"}

// faceSide is the side of FER-2013's images, in pixels.
const faceSide = 48

// readFaces reads rows of emotion, pixels and usage, of which the split's are kept.
func readFaces(p *published) error {
	f, err := os.Open(p.list)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := delimited.NewReader(f, ".csv")
	if err != nil {
		return err
	}
	var columns [3]int
	for i, name := range []string{"emotion", "pixels", "usage"} {
		if columns[i], err = t.Column(name); err != nil {
			return err
		}
		if columns[i] < 0 {
			return fmt.Errorf("columns %q: want emotion, pixels and Usage", t.Head)
		}
	}
	usage := map[string]string{"train": "Training", "val": "PublicTest", testFolder: "PrivateTest"}[p.Split]
	images := &pixels{wide: faceSide, high: faceSide, planes: 1}
	p.Classes, p.images = faceClasses, images
	for n := 0; ; n++ {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(row[columns[2]]) != usage {
			continue
		}
		label, err := strconv.Atoi(strings.TrimSpace(row[columns[0]]))
		if err != nil || label < 0 || label >= len(faceClasses) {
			return fmt.Errorf("line %d: emotion %q is not 0 to 6", t.Line(), row[columns[0]])
		}
		grey, err := greyNumbers(row[columns[1]], faceSide*faceSide)
		if err != nil {
			return fmt.Errorf("line %d: %w", t.Line(), err)
		}
		p.Items = append(p.Items, Item{strconv.Itoa(n), label})
		images.of = append(images.of, grey)
	}
}

// greyNumbers are pixels written as numbers, with a space between.
func greyNumbers(text string, n int) ([]byte, error) {
	out := make([]byte, 0, n)
	for field := range strings.FieldsSeq(text) {
		v, err := strconv.ParseUint(field, 10, 8)
		if err != nil || len(out) == n {
			return nil, fmt.Errorf("pixels: want %d numbers up to 255, got %.20q after %d", n, field, len(out))
		}
		out = append(out, byte(v))
	}
	if len(out) != n {
		return nil, fmt.Errorf("pixels: want %d numbers, got %d", n, len(out))
	}
	return out, nil
}
