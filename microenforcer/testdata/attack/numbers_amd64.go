package main

const memfdCreate = 319
const bpfCall = 321
