// SPDX-License-Identifier: Apache-2.0

// Package preset holds the forms of Secrets that programs demand. Each form is data: the rows of
// one table, with the documentation they follow. There is no I/O here.
package preset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Preset is what one form adds to a Secret. What it does not name is as without a preset.
type Preset struct {
	Name v1alpha1.SecretPreset
	// Type is the type of the Secret. Empty: the one of the template, or the default.
	Type v1alpha1.SecretType
	// Labels are added to the Secret.
	Labels map[string]string
	// Keys are the names of standard keys that have another one.
	Keys map[string]string
	// Files are more keys of the Secret.
	Files []File
	// Generate are keys with derived values.
	Generate []v1alpha1.GeneratedValue
}

// File is a key of the Secret with a text. A line whose placeholder stands for nothing is left out,
// and a text that is then empty is no key.
type File struct {
	Key    string
	Syntax Syntax
	Text   string
}

// Values are what the placeholders of a text stand for.
type Values struct {
	// Standard are the values of the standard keys.
	Standard map[string]string
	Scopes   []string
	// CallbackURL is the first one. Empty: there is none.
	CallbackURL string
	// GrantType is the one that the client is for, in the words of RFC 6749.
	GrantType string
}

// Names of placeholders beside those of the standard keys.
const (
	placeholderScopes    = "scopes"
	placeholderCallback  = "callback-url"
	placeholderGrantType = "grant-type"
)

// Of returns the preset of the name. ok is false where the name is empty or not known.
func Of(name v1alpha1.SecretPreset) (p Preset, ok bool) {
	n := slices.IndexFunc(table, func(p Preset) bool { return p.Name == name })
	if name == "" || n < 0 {
		return Preset{}, false
	}
	return table[n], true
}

// Names returns the names of all presets, in the order of the table.
func Names() []v1alpha1.SecretPreset {
	var names []v1alpha1.SecretPreset
	for _, p := range table {
		names = append(names, p.Name)
	}
	return names
}

// NameOf returns under which key of a Secret of the template a standard value is. A preset decides
// before the keys of the template.
func NameOf(t *v1alpha1.SecretTemplate, standard string) string {
	if p, ok := Of(t.Preset); ok {
		return cmp.Or(p.Keys[standard], standard)
	}
	return t.Keys.NameOf(standard)
}

// TypeOf returns the type of a Secret of the template.
func TypeOf(t *v1alpha1.SecretTemplate) v1alpha1.SecretType {
	p, _ := Of(t.Preset)
	return cmp.Or(p.Type, t.EffectiveType())
}

// Render returns the files of the preset with their values. The error says in one clause what the
// preset cannot hold, without quoting a secret.
func (p Preset) Render(v Values) (map[string]string, error) {
	out := map[string]string{}
	for _, f := range p.Files {
		text, err := f.render(v)
		if err != nil {
			return nil, fmt.Errorf("the key %s of the preset %s cannot hold %w", f.Key, p.Name, err)
		}
		if text != "" {
			out[f.Key] = text
		}
	}
	return out, nil
}

func (f File) render(v Values) (string, error) {
	var out strings.Builder
	for line := range strings.Lines(f.Text) {
		before, rest, found := strings.Cut(line, "{{")
		name, after, _ := strings.Cut(rest, "}}")
		if !found {
			out.WriteString(line)
			continue
		}
		text, err := f.value(name, v)
		if err != nil {
			return "", err
		}
		if text != "" {
			out.WriteString(before + text + after)
		}
	}
	return out.String(), nil
}

// value returns what stands in place of a placeholder. Empty: nothing does.
func (f File) value(name string, v Values) (string, error) {
	if name == placeholderScopes {
		if len(v.Scopes) == 0 {
			return "", nil
		}
		text, ok := f.Syntax.list(v.Scopes)
		if !ok {
			return "", fmt.Errorf("the scopes: %s", f.Syntax.limits)
		}
		return text, nil
	}
	value := v.Standard[name]
	switch name {
	case placeholderCallback:
		value = v.CallbackURL
	case placeholderGrantType:
		value = v.GrantType
	}
	if value == "" {
		return "", nil
	}
	text, ok := f.Syntax.one(value)
	if !ok {
		return "", fmt.Errorf("the value of %s: %s", name, f.Syntax.limits)
	}
	return text, nil
}
