//go:build !windows

package child

const GetTermios = getTermios
