// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a Kubernetes control plane on loopback until it is asked to end. When the cluster serves, it prints the path of
// the administrator's kubeconfig on standard output; why it cannot, it says on standard error.
//
// It is a program of its own so that `make demo` needs no Kubernetes library to say its first word: compiling them takes a minute
// on a fresh machine, and somebody has to say so meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
)

func main() {
	var o controlplane.Options
	var authentication string
	flag.StringVar(&o.Dir, "dir", "", "folder for keys, data and logs; an earlier cluster in it is removed")
	flag.StringVar(&o.Binaries, "binaries", "", "folder that holds etcd, kube-apiserver and kube-controller-manager")
	flag.IntVar(&o.Port, "port", 0, "port of the API server; 0: any free one")
	flag.StringVar(&authentication, "authentication-config", "", "file that tells the API server whose tokens it takes (kube-apiserver's flag)")
	flag.Parse()
	if authentication != "" {
		o.APIServerArguments = []string{"--authentication-config=" + authentication}
	}
	o.ControllerManager = true

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// run runs the cluster until ctx ends, or until one of its programs does.
func run(ctx context.Context, o controlplane.Options) error {
	cluster, err := controlplane.Start(ctx, o)
	if err != nil {
		return err
	}
	fmt.Println(cluster.Kubeconfig())
	select {
	case <-ctx.Done():
	case err = <-cluster.Failed():
	}
	return errors.Join(err, cluster.Stop())
}
