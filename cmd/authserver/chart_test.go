// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chartSchema is what the chart's values.schema.json says, as far as it is read here.
type chartSchema struct {
	Properties           map[string]chartSchema
	AdditionalProperties any
	Items                *chartSchema
}

// ofTheChart are keys that other values of the chart decide, or what config says of both programs.
var ofTheChart = []string{"issuer", "namespace", "class", "namespaces", "policyFile", "listen", "metricsListen", "tls", "plainHTTP", "store", "admin"}

// The chart refuses keys that it does not know, so it has to know all that the server reads.
func TestTheChartTakesTheKeysOfTheConfiguration(t *testing.T) {
	raw, err := os.ReadFile("../../charts/gatehouse/values.schema.json")
	var values chartSchema
	if err == nil {
		err = json.Unmarshal(raw, &values)
	}
	if err != nil {
		t.Fatal(err)
	}
	taken := values.Properties["config"]
	if taken.AdditionalProperties != false {
		t.Error("the chart takes keys that the server does not know")
	}
	for _, key := range ofTheChart {
		if _, both := taken.Properties[key]; both {
			t.Errorf("the chart decides about %s, and takes it in config, too", key)
		}
		if _, read := keysOf(reflect.TypeFor[config]())[key]; read {
			taken.Properties[key] = chartSchema{}
		}
	}
	sameKeys(t, "config", reflect.TypeFor[config](), taken)
}

// sameKeys compares the keys of a struct with those of a schema. What the schema leaves open, the server checks alone.
func sameKeys(t *testing.T, name string, is reflect.Type, schema chartSchema) {
	t.Helper()
	for is.Kind() == reflect.Pointer {
		is = is.Elem()
	}
	switch {
	case is.Kind() == reflect.Slice && schema.Items != nil:
		sameKeys(t, name+"[]", is.Elem(), *schema.Items)
	case is.Kind() == reflect.Struct && len(schema.Properties) > 0:
		keys := keysOf(is)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(keys)), slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
			t.Errorf("keys of %s (-server +chart); adapt charts/gatehouse/values.schema.json, and give a new key a row in test/chart/values_test.go:\n%s", name, diff)
		}
		for key, field := range keys {
			sameKeys(t, name+"."+key, field, schema.Properties[key])
		}
	}
}

// keysOf are the keys of a struct with their types.
func keysOf(is reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for i := range is.NumField() {
		if key, _, _ := strings.Cut(is.Field(i).Tag.Get("yaml"), ","); key != "" {
			keys[key] = is.Field(i).Type
		}
	}
	return keys
}
