package command

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// findCluster reads the kubeconfig, or what a pod knows of its own cluster, and gives the namespace
// that commands are about unless they name one. Empty arguments mean kubectl's defaults.
func findCluster(kubeconfig, contextName string) (config *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName})
	config, err = loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		for _, path := range rules.Precedence {
			if _, statErr := os.Stat(path); kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) != "" && errors.Is(statErr, fs.ErrNotExist) {
				return nil, "", fmt.Errorf("finding the cluster: %s names %s, which does not exist", clientcmd.RecommendedConfigPathEnvVar, path)
			}
		}
		return nil, "", errors.New("finding the cluster: there is no kubeconfig, and this is not a pod in a cluster: give --kubeconfig, or set KUBECONFIG")
	}
	if kubeconfig != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("finding the cluster: --kubeconfig names %s, which does not exist", kubeconfig)
	}
	if err != nil {
		return nil, "", fmt.Errorf("finding the cluster: %w%s", err, otherContexts(loader, contextName))
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("finding the namespace: %w", err)
	}
	return config, namespace, nil
}

// otherContexts names the contexts that there are, if the one that was asked for is not among them.
func otherContexts(loader clientcmd.ClientConfig, wanted string) string {
	kubeconfig, err := loader.RawConfig()
	if _, there := kubeconfig.Contexts[wanted]; err != nil || wanted == "" || there || len(kubeconfig.Contexts) == 0 {
		return ""
	}
	return ": there are " + strings.Join(slices.Sorted(maps.Keys(kubeconfig.Contexts)), ", ")
}
