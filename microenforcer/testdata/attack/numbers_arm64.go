package main

const memfdCreate = 279
const bpfCall = 280
const renameat2Call = 276
const prlimitCall = 261
const pwritev2Call = 287
const ioSetupCall = 0
