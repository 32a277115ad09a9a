// SPDX-License-Identifier: Apache-2.0

// Command etcd is the etcd server: etcd publishes its server as a library, and this is the main it lacks.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
