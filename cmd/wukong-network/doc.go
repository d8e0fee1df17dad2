// Command wukong-network is the controller manager: it runs every controller of package controllers against a cluster.
package main
