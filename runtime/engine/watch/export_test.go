package watch

// Quiet is how long a folder must lie still.
const Quiet = quiet
