// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// decodeClaims reads a JSON object. Whole numbers stay exact: some are IDs.
func decodeClaims(raw []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var claims map[string]any
	if err := decoder.Decode(&claims); err != nil {
		return nil, errors.New("it is not a JSON object")
	}
	if claims == nil || !errors.Is(decoder.Decode(&struct{}{}), io.EOF) {
		return nil, errors.New("it is not one JSON object")
	}
	for name, value := range claims {
		claims[name] = number(value)
	}
	return claims, nil
}

// number returns a value with int64 and float64 for numbers.
func number(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = number(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = number(v[name])
		}
	}
	return value
}

// plain returns what an expression yields as JSON has it.
func plain(value ref.Val) (any, error) {
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case types.String:
		return string(v), nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	}
	if list, err := value.ConvertToNative(reflect.TypeFor[[]string]()); err == nil {
		texts, _ := list.([]string)
		out := make([]any, len(texts))
		for i, text := range texts {
			out[i] = text
		}
		return out, nil
	}
	return nil, fmt.Errorf("the expression yields a %s", value.Type().TypeName())
}
