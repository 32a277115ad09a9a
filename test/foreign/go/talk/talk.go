// SPDX-License-Identifier: Apache-2.0

// Package talk is how a driver in Go speaks to the test.
package talk

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

var lines = bufio.NewReader(os.Stdin)

// Read reads the next line of input.
func Read() map[string]string {
	line, err := lines.ReadBytes('\n')
	if err == io.EOF {
		os.Exit(0)
	}
	Check(err)
	values := map[string]string{}
	Check(json.Unmarshal(line, &values))
	return values
}

// Open asks the test's person to open an address, and returns where the browser comes back to.
func Open(address string) string {
	say(map[string]any{"open": address})
	return Read()["back"]
}

// Did reports a step.
func Did(step string) { say(map[string]any{"did": step}) }

// Call gets what is at the address of an API, and reports it.
func Call(client *http.Client, api string) {
	res, err := client.Get(api)
	Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	Check(err)
	say(map[string]any{"did": "call", "status": res.StatusCode, "body": string(body)})
}

// Check ends the driver where err is not nil.
func Check(err error) {
	if err != nil {
		say(map[string]any{"refused": err.Error()})
		os.Exit(0)
	}
}

func say(report map[string]any) {
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		log.Fatal(err)
	}
}
