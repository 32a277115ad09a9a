// SPDX-License-Identifier: Apache-2.0

// Package gitops tells tests how GitOps tools see an object: kstatus, which Flux and kpt ask, and Argo CD with the scripts of
// config/argocd. It says of each object whether the two agree.
package gitops

import (
	"fmt"
	"os"
	"path/filepath"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// Health is what Argo CD shows of an object.
type Health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// agreed is the health in Argo CD that goes with each status of kstatus.
var agreed = map[status.Status]string{
	status.CurrentStatus: "Healthy", status.FailedStatus: "Degraded",
	status.InProgressStatus: "Progressing", status.TerminatingStatus: "Progressing",
}

// Status returns what kstatus says of the object. It is an error if Argo CD says something else.
func Status(object *unstructured.Unstructured) (status.Status, error) {
	result, err := status.Compute(object)
	if err != nil {
		return "", fmt.Errorf("ask kstatus: %w", err)
	}
	health, err := ArgoCD(object)
	if err != nil {
		return "", err
	}
	if health.Status != agreed[result.Status] {
		return "", fmt.Errorf("kstatus says %s (%s), Argo CD says %s (%s)", result.Status, result.Message, health.Status, health.Message)
	}
	return result.Status, nil
}

// scripts are the folders under config/argocd/gatehouse.dev whose script knows the kind.
var scripts = map[string]string{"OAuthClient": "OAuthClient", "ResourceServer": "OAuthClient", "OAuthClientPolicy": "OAuthClientPolicy"}

// ArgoCD returns what the script for the object's kind says of it.
func ArgoCD(object *unstructured.Unstructured) (Health, error) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		return Health{}, fmt.Errorf("find the scripts: %w", err)
	}
	script, err := os.ReadFile(filepath.Join(root, "config/argocd/gatehouse.dev", scripts[object.GetKind()], "health.lua"))
	if err != nil {
		return Health{}, fmt.Errorf("read the script: %w", err)
	}
	return Run(string(script), object)
}

// Run runs a script as Argo CD does: the object is the global obj, and of the libraries there are base, package and table.
func Run(script string, object *unstructured.Unstructured) (Health, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return Health{}, fmt.Errorf("open the library %s: %w", name, err)
		}
	}
	state.SetGlobal("obj", valueOf(state, object.Object))
	if err := state.DoString(script); err != nil {
		return Health{}, fmt.Errorf("run the script: %w", err)
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return Health{}, fmt.Errorf("the script returned a %s, not a table", state.Get(-1).Type())
	}
	return Health{Status: lua.LVAsString(answer.RawGetString("status")), Message: lua.LVAsString(answer.RawGetString("message"))}, nil
}

// valueOf returns a value of JSON as Lua has it.
func valueOf(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, below := range v {
			table.RawSetString(key, valueOf(state, below))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, below := range v {
			table.Append(valueOf(state, below))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	default:
		return lua.LNil
	}
}
