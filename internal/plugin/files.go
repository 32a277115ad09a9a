// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Bounds of what is read.
const (
	maxFile    = 16 << 20 // bytes
	maxFiles   = 20_000
	maxObjects = 100_000
)

// document is an object in a file.
type document struct {
	file   string
	line   int // where it begins
	object map[string]any
}

// kind returns the kind if it is one of ours; empty: it is not.
func (d document) kind() string {
	u := unstructured.Unstructured{Object: d.object}
	if u.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
		return ""
	}
	return cmp.Or(u.GetKind(), "(no kind)")
}

func (d document) name() string {
	return (&unstructured.Unstructured{Object: d.object}).GetName()
}

// namespace is that of the object, or the one that it is applied to.
func (d document) namespace(otherwise string) string {
	if n := (&unstructured.Unstructured{Object: d.object}).GetNamespace(); n != "" {
		return n
	}
	return otherwise
}

// into reads the object as a kind.
func (d document) into(object any) error {
	text, err := yaml.Marshal(d.object)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, object)
}

// readAll reads the objects of a file, of standard input (-), or of all YAML and JSON files in a folder and below. What cannot be
// read is a finding.
func readAll(path string, stdin io.Reader) (found []document, wrong []finding, err error) {
	if path == "-" {
		text, err := readBounded(stdin)
		if err != nil {
			return nil, nil, fmt.Errorf("read standard input: %w", err)
		}
		found, wrong = split("-", text)
		return found, wrong, nil
	}
	files := 0
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() || name != path && !isManifest(name) {
			return nil
		}
		if files++; files > maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		text, err := readBounded(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		objects, bad := split(name, text)
		found, wrong = append(found, objects...), append(wrong, bad...)
		if len(found) > maxObjects {
			return fmt.Errorf("there are more than %d objects", maxObjects)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, usagef("there is no file or folder %s", path)
	}
	return found, wrong, err
}

func isManifest(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

func readBounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return text, err
}

// split returns the objects of a file, those of a List one by one.
func split(file string, text []byte) (found []document, wrong []finding) {
	add := func(line int, part []byte) {
		if len(bytes.TrimSpace(part)) == 0 {
			return
		}
		var value any
		text, err := yaml.YAMLToJSONStrict(part)
		if err == nil {
			err = json.Unmarshal(text, &value) // that of Kubernetes: whole numbers stay such
		}
		if err != nil {
			wrong = append(wrong, finding{File: file, Line: line, Rule: ruleSyntax, Message: "it is no YAML of an object: " + firstLine(err.Error())})
			return
		}
		object, is := value.(map[string]any)
		if !is {
			return // a JSON patch of kustomize, for instance, is a list
		}
		items, _ := object["items"].([]any)
		if kind, _ := object["kind"].(string); !strings.HasSuffix(kind, "List") || items == nil {
			items = []any{object}
		}
		for _, item := range items {
			if one, ok := item.(map[string]any); ok && len(one) > 0 {
				found = append(found, document{file, line, one})
			}
		}
	}
	part, begin, line := bytes.Buffer{}, 0, 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxFile+1)
	for lines.Scan() {
		line++
		if t := lines.Text(); t == "---" || strings.HasPrefix(t, "--- ") {
			add(begin, part.Bytes())
			part.Reset()
			begin = 0
			if t = strings.TrimSpace(t[3:]); t == "" || strings.HasPrefix(t, "#") {
				continue
			}
			begin = line // an object may begin beside the dashes
			part.WriteString(t + "\n")
			continue
		} else if begin == 0 && strings.TrimSpace(t) != "" && !strings.HasPrefix(strings.TrimSpace(t), "#") {
			begin = line
		}
		part.Write(lines.Bytes())
		part.WriteByte('\n')
	}
	add(begin, part.Bytes())
	return found, wrong
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}
