package main

const memfdCreate = 319
const bpfCall = 321
const renameat2Call = 316
const prlimitCall = 302
