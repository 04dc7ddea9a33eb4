package spec

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/runner/spec/contract"
)

// readsFile holds a getter for each field of Params, which notes that it was read.
const readsFile = "../plan/reads/fields.go"

// byHand are the fields whose getters stand in reads.go.
var byHand = []string{"Checkpoint.Step", "Retrieve.Weight", "Tune.Rounds"}

// TestReads writes that file from the types (go test ./runner/spec -run TestReads -update), and
// from the schema which value none means too (@absent), and of which lists the order says nothing
// (@unordered).
func TestReads(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("// Written by TestReads of runner/spec; not by hand.\n\npackage reads\n\nimport \"react/runner/spec\"\n")
	w := getters{&b, map[reflect.Type]bool{}}
	w.write(reflect.TypeFor[Params](), schemaOf(t).Params)
	want, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatalf("%v:\n%s", err, b.Bytes())
	}
	got, err := os.ReadFile(readsFile)
	if *update {
		err = os.WriteFile(readsFile, want, 0o666)
		got = want
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what Params make of it: -update writes it anew", readsFile)
	}
}

// wholes are groups that are read as one.
var wholes = map[reflect.Type]bool{reflect.TypeFor[World](): true, reflect.TypeFor[Filter](): true}

type getters struct {
	b       *bytes.Buffer
	written map[reflect.Type]bool
}

func (w getters) write(of reflect.Type, at *contract.Field) {
	if w.written[of] {
		return
	}
	w.written[of] = true
	b, below := w.b, func() {}
	if of != reflect.TypeFor[Params]() { // reads.go has that
		fmt.Fprintf(b, "\n// %s is that of package spec, whose readers are noted.\ntype %s struct {\n\tat\n\tof *spec.%s\n}\n\n", of.Name(), of.Name(), of.Name())
	}
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		n := at.Child(name)
		value := f.Type
		if value.Kind() == reflect.Pointer || value.Kind() == reflect.Map {
			value = value.Elem()
		}
		then := func() {
			before := below
			below = func() {
				before()
				if n.Elem != nil {
					n = n.Elem
				}
				w.write(value, n)
			}
		}
		head := fmt.Sprintf("func (v %s) %s", of.Name(), f.Name)
		note := fmt.Sprintf("v.note(%q, %s)", name, map[bool]string{false: "asGiven", true: "unordered"}[n.AnyOrder])
		switch {
		case slices.Contains(byHand, of.Name()+"."+f.Name):
		case value == reflect.TypeFor[Augment]() && f.Type == value:
			fmt.Fprintf(b, "%s() spec.Augment { return *v.augment(%q, &v.of.%s, %q) }\n", head, name, f.Name, n.Child("randAugment").Means)
		case value == reflect.TypeFor[Augment]():
			fmt.Fprintf(b, "%s() *spec.Augment { return v.augment(%q, v.of.%s, %q) }\n", head, name, f.Name, n.Child("randAugment").Means)
		case wholes[value]:
			fmt.Fprintf(b, "%s() *spec.%s { v.note(%q, whole); return v.of.%s }\n", head, value.Name(), name, f.Name)
		case f.Type.Kind() == reflect.Map:
			fmt.Fprintf(b, "%s(name string) (%s, bool) {\n\to, ok := v.of.%s[name]\n\treturn %s{v.in(%q).in(name), &o}, ok\n}\n", head, value.Name(), f.Name, value.Name(), name)
			then()
		case value.Kind() == reflect.Struct && value != reflect.TypeFor[Gamma]() && f.Type.Kind() == reflect.Pointer:
			fmt.Fprintf(b, "%s() (%s, bool) {\n\t%s\n\treturn %s{v.in(%q), v.of.%s}, v.of.%s != nil\n}\n", head, value.Name(), note, value.Name(), name, f.Name, f.Name)
			then()
		case value.Kind() == reflect.Struct && value != reflect.TypeFor[Gamma]():
			fmt.Fprintf(b, "%s() %s { return %s{v.in(%q), &v.of.%s} }\n", head, value.Name(), value.Name(), name, f.Name)
			then()
		case n.Means != "":
			fmt.Fprintf(b, "%s() string { return v.text(%q, v.of.%s, %q) }\n", head, name, f.Name, n.Means)
		default:
			fmt.Fprintf(b, "%s() %s { %s; return v.of.%s }\n", head, f.Type, note, f.Name)
		}
	}
	below()
}
