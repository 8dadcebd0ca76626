package sockets

import (
	"errors"
	"os"
)

// Hand is not there on Windows: a socket is no file.
func (s *Set) Hand() ([]Socket, []*os.File, error) { return nil, nil, errors.ErrUnsupported }

// Leave has nothing to do.
func (s *Set) Leave() {}

// Own has nothing to do.
func (s *Set) Own() {}
