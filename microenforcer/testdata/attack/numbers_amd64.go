package main

const memfdCreate = 319
const bpfCall = 321
const renameat2Call = 316
const prlimitCall = 302
const pwritev2Call = 328
const ioSetupCall = 206
